"""API keys: a file with a line each, which holds the key's hash and never the key.

    alice 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    bob   60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752   120

The third word is the number of requests in a minute. A key is 32 random bytes, so its plain SHA-256 can't be guessed
back.
"""

import hashlib
import hmac
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.files import written_whole

PREFIX = "pw_"
_LINE = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})\s+([0-9a-f]{64})(?:\s+([1-9][0-9]{0,5}))?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REMEDY = "write a name, the key's SHA-256, and perhaps requests a minute; `peewee-tts api-key` does"


@dataclass(frozen=True)
class Key:
    """Who may use the server."""

    name: str
    digest: str
    per_minute: int | None
    """Requests in a minute; None for the server's own number."""


class Keys:
    """All keys of a server; without any, everybody who reaches it may use it.

    Args:
        path: The file; None for no keys.

    Raises:
        ConfigError: If a line can't be read, a name is there twice, or there is no key at all.
        PeeweeError: If the file can't be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._keys: list[Key] = [] if path is None else _read(path)

    def __bool__(self) -> bool:
        """Whether a key is needed."""
        return bool(self._keys)

    def find(self, authorization: str) -> Key | None:
        """Find whose key a header `Authorization: Bearer KEY` holds."""
        kind, _, given = authorization.partition(" ")
        digest = digest_of(given.strip())
        found = [key for key in self._keys if hmac.compare_digest(key.digest, digest)]  # looks at all of them
        return found[0] if found and kind.lower() == "bearer" else None


class Rates:
    """Counts requests of each key: a bucket that fills evenly, and holds those of a minute.

    Args:
        per_minute: Of a key that has no number of its own; 0 for any number.
    """

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: dict[str, tuple[float, float]] = {}

    def wait_s(self, key: Key) -> float:
        """Count a request. Returns 0, or the seconds after which it may come again."""
        most = float(key.per_minute or self._per_minute)
        if not most:
            return 0.0
        at = time.monotonic()
        left, since = self._buckets.get(key.name, (most, at))
        left = min(most, left + (at - since) * most / 60)
        self._buckets[key.name] = (left - 1, at) if left >= 1 else (left, at)
        return 0.0 if left >= 1 else (1 - left) * 60 / most


def digest_of(key: str) -> str:
    """Hash a key, as the file has it."""
    return hashlib.sha256(key.encode(errors="replace")).hexdigest()


def new_key(path: Path, name: str) -> str:
    """Make a key, and add its hash to a file.

    Returns:
        The key, which is kept nowhere.

    Raises:
        ConfigError: If the name can't be one, or is there already.
        PeeweeError: If the file can't be read or written.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r:.80} can't name a key; use letters, digits, dots, dashes, 64 at most")
    before = ""
    if path.exists():
        before = _text(path)
        if any(key.name == name for key in _read(path)):
            raise ConfigError(f"{path} has a key {name}; choose another name, or remove its line")
    key = PREFIX + secrets.token_urlsafe(32)
    try:
        with written_whole(path, durable=True) as part:
            part.chmod(0o600)
            part.write_text(f"{before.rstrip()}\n{name} {digest_of(key)}\n".lstrip())
    except OSError as error:
        raise PeeweeError(f"{path} can't be written: {error.strerror}; choose another path") from None
    return key


def _read(path: Path) -> list[Key]:
    keys: dict[str, Key] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line.strip())
        if not found:
            raise ConfigError(f"{path}, line {number}: no API key; {_REMEDY}")
        if found[1] in keys:
            raise ConfigError(f"{path}, line {number}: {found[1]} is there twice; remove one of them")
        keys[found[1]] = Key(found[1], found[2], int(found[3]) if found[3] else None)
    if not keys:
        raise ConfigError(f"{path} holds no API key; {_REMEDY}")
    return list(keys.values())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, ValueError) as error:
        raise PeeweeError(f"{path} can't be read: {error}; check the path of the API keys") from None

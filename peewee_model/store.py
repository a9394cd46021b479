"""Where releases live, and what a channel such as `stable` means.

    STORE/releases/<version>/...             written once, whole or not at all, never changed
    STORE/channels/<name>/00000042.json      an append-only log; the last entry is what the channel means

A channel's next entry is created only if no other has its number (put-if-absent), so two publishers cannot both win,
nothing is overwritten, and the history is the audit trail. What a kind of store must be able to do is `Backend`; the
rules above it are `Store`, the same for every kind.
"""

import datetime
import getpass
import json
import logging
import os
import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release import MANIFEST, VERSION_PATTERN, Manifest, read_manifest, verify_release
from peewee_model.store_folder import FolderBackend

logger = logging.getLogger(__name__)

DEFAULT_CHANNEL = "stable"
_CHANNEL = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
Action = Literal["publish", "promote", "rollback"]
_ENTRY = re.compile(r"([0-9]{8})\.json")


@dataclass(frozen=True)
class Reference:
    """A release as a user names it: `store@stable`, `store@0123456789abcdef`."""

    address: str
    """Of the store: a folder, or a URL."""
    selector: str
    """A channel or a version."""

    @property
    def is_version(self) -> bool:
        """Whether the selector pins a version; otherwise it names a channel."""
        return VERSION_PATTERN.fullmatch(self.selector) is not None


class ChannelEntry(BaseModel):
    """What a channel came to mean, when, by whom and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    action: Action
    """`publish` is the pipeline's, the others are a person's: the pipeline does not undo them."""
    at: str
    """UTC, ISO 8601."""
    by: str
    reason: str
    previous: str | None
    """The version before; None in a channel's first entry."""
    nonce: str
    """Tells a writer that an entry is its own, when the answer to its write was lost."""


@dataclass(frozen=True)
class Numbered:
    """A channel's entry and its number in the log, from 1."""

    number: int
    entry: ChannelEntry


class Backend(Protocol):
    """What a kind of store must be able to do. Keys have forward slashes and are relative to the store."""

    def names(self, prefix: str) -> list[str]:
        """List what stands directly under a prefix, sorted; empty if there is nothing."""

    def read(self, key: str) -> bytes | None:
        """Read a small object; None if there is none."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create an object, durably and all at once; False if one of that key exists. Atomic under a race."""

    def add_release(self, version: str, source: Path, manifest: Manifest) -> None:
        """Copy a release in, checked, its manifest last. Not called for one that is there."""

    def fetch_release(self, version: str) -> Path:
        """Give a local folder with the release's files, not yet verified."""


class Store:
    """A place of releases and channels."""

    def __init__(self, address: str, backend: Backend) -> None:
        self.address = address
        self._backend = backend

    def versions(self) -> list[str]:
        """List the releases that are wholly there."""
        names = [name for name in self._backend.names("releases") if VERSION_PATTERN.fullmatch(name)]
        return [name for name in names if self.has_release(name)]

    def channels(self) -> list[str]:
        """List the channels."""
        return [name for name in self._backend.names("channels") if _CHANNEL.fullmatch(name) and self._latest(name)]

    def has_release(self, version: str) -> bool:
        """Say whether a release is wholly there."""
        return MANIFEST in self._backend.names(f"releases/{version}")

    def resolve(self, selector: str) -> str:
        """Work out which version a channel or version names.

        Raises:
            ReleaseNotFoundError: If there is none; what there is, is listed.
        """
        if VERSION_PATTERN.fullmatch(selector):
            if not self.has_release(selector):
                found = ", ".join(self.versions()) or "none; publish one with `dvc repro`"
                raise ReleaseNotFoundError(f"{self.address} has no release {selector}; it has: {found}")
            return selector
        last = self._latest(selector) if _CHANNEL.fullmatch(selector) else None
        if last is None:
            found = ", ".join(self.channels()) or "none; publish a release with `dvc repro`"
            raise ReleaseNotFoundError(f"{self.address} has no channel {selector!r}; it has: {found}")
        return last.entry.version

    def fetch(self, selector: str) -> tuple[Path, str]:
        """Get a release, verified, as a local folder, with its version.

        Raises:
            ReleaseNotFoundError: If there is no such channel or version.
            TamperedReleaseError: If a file is not what its manifest says, or the manifest not what the version says.
        """
        version = self.resolve(selector)
        folder = self._backend.fetch_release(version)
        verify_release(folder, version)
        return folder, version

    def history(self, channel: str) -> list[Numbered]:
        """Read a channel's entries, oldest first; empty if there is no such channel."""
        return [self._entry(channel, number) for number in self._numbers(channel)]

    def publish(self, folder: Path, channel: str, reason: str) -> tuple[str, Numbered]:
        """Put a release into the store and make a channel mean it. Doing so twice is doing so once.

        A rollback or promotion made since by a person stays as it is.

        Returns:
            The release's version, and the channel's entry that published it.
        """
        manifest, version = read_manifest(folder)
        if self.has_release(version):
            logger.info("release=%s already_in=%s", version, self.address)
        else:
            self._backend.add_release(version, folder, manifest)
            logger.info("release=%s added_to=%s files=%d", version, self.address, len(manifest.files))

        numbered = self.append(channel, version, "publish", reason)
        current = self.resolve(channel)
        if current != version:
            logger.warning(
                "release=%s channel=%s means=%s; somebody set it so since, it stays", version, channel, current
            )
        return version, numbered

    def is_published(self, version: str, channel: str) -> bool:
        """Say whether a release is what was published last to a channel, so that to publish it again adds nothing."""
        return self.has_release(version) and self._published(version, channel) is not None

    def append(self, channel: str, version: str, action: Action, reason: str) -> Numbered:
        """Make a channel mean a release, by one more entry.

        Args:
            channel: Its name; created by its first entry.
            version: A release of this store.
            action: What kind of change this is. To `publish` what was published last adds no entry.
            reason: Why, for whoever reads the history.

        Raises:
            ReleaseError: If the name can't be a channel's.
            ReleaseNotFoundError: If the release is not in this store.
        """
        if not _CHANNEL.fullmatch(channel) or VERSION_PATTERN.fullmatch(channel):
            raise ReleaseError(f"{channel!r} can't be a channel; use lower-case letters, digits, `-` and `_`: `stable`")
        self.resolve(version)
        nonce = uuid.uuid4().hex
        while True:
            if action == "publish" and (published := self._published(version, channel)):
                return published
            last = self._latest(channel)
            number = last.number + 1 if last else 1
            entry = ChannelEntry(
                version=version,
                action=action,
                at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                by=os.environ.get("PEEWEE_PUBLISHER") or _user(),
                reason=reason,
                previous=last.entry.version if last else None,
                nonce=nonce,
            )
            data = json.dumps(entry.model_dump(), sort_keys=True, indent=1).encode() + b"\n"
            won = self._backend.put_if_absent(_entry_key(channel, number), data)
            written = self._entry(channel, number)
            if won or written.entry.nonce == nonce:
                logger.info("channel=%s number=%d version=%s action=%s", channel, number, version, action)
                return written

    def _published(self, version: str, channel: str) -> Numbered | None:
        """The entry that published a release, if that was the last time that anything was published there."""
        published = self._latest(channel, "publish")
        return published if published and published.entry.version == version else None

    def _latest(self, channel: str, action: Action | None = None) -> Numbered | None:
        """The newest entry, of a kind if one is given."""
        for number in reversed(self._numbers(channel)):
            numbered = self._entry(channel, number)
            if action is None or numbered.entry.action == action:
                return numbered
        return None

    def _numbers(self, channel: str) -> list[int]:
        matches = (_ENTRY.fullmatch(name) for name in self._backend.names(f"channels/{channel}"))
        return sorted(int(match[1]) for match in matches if match)

    def _entry(self, channel: str, number: int) -> Numbered:
        key = _entry_key(channel, number)
        try:
            entry = ChannelEntry.model_validate_json(self._backend.read(key) or b"")
        except ValidationError as error:
            problem = error.errors()[0]["msg"]
            raise TamperedReleaseError(f"{self.address}/{key} is no channel entry: {problem}; restore it") from None
        return Numbered(number, entry)


def parse_reference(reference: str) -> Reference:
    """Split `ADDRESS@CHANNEL` or `ADDRESS@VERSION`; without `@` the channel is `stable`."""
    address, at, selector = reference.rpartition("@")
    if at and (_CHANNEL.fullmatch(selector)):
        if not address:
            raise ReleaseNotFoundError(f"{reference!r} names no store; write it as `store@{selector}`")
        return Reference(address, selector)
    if not reference:
        raise ReleaseNotFoundError("the release's name is empty; write it as `store@stable`")
    return Reference(reference, DEFAULT_CHANNEL)


def open_store(address: str) -> Store:
    """Open the store at an address: a folder, made when the first release is published.

    Raises:
        ReleaseNotFoundError: If the address is of a kind that we can't open.
    """
    scheme = re.match(r"([a-z0-9+.-]+)://", address)
    if scheme:
        raise ReleaseNotFoundError(f"{address}: stores of kind `{scheme[1]}` are not supported yet; use a folder")
    return Store(address, FolderBackend(Path(address)))


def _entry_key(channel: str, number: int) -> str:
    return f"channels/{channel}/{number:08d}.json"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"

"""Opens the storage at an address. This is the only module that knows all kinds of storage.

An address is a folder, or `scheme://...`. A new kind is a module with a `Backend`, and one line in `KINDS`.
"""

import re
from collections.abc import Callable
from pathlib import Path

from peewee_model.errors import ReleaseNotFoundError
from peewee_model.store.backend import Backend
from peewee_model.store.cache import Cache, cache_folder
from peewee_model.store.folder import FolderBackend
from peewee_model.store.s3 import S3Backend

KINDS: dict[str, Callable[[str, Cache], Backend]] = {
    "s3": S3Backend,
}
"""The kind of each scheme. It is called with the address and with the cache for objects that are read."""

_SCHEME = re.compile(r"([A-Za-z0-9+.-]+)://?")


def open_backend(address: str, cache: Path | None = None) -> Backend:
    """Open the storage at an address. No request is sent yet, and nothing heavy is imported.

    Args:
        address: A folder, which is made when it is first written to and may begin with `~`, or `s3://bucket/prefix`.
        cache: The folder that keeps what is read from a server; without it, the user's cache.

    Raises:
        ReleaseNotFoundError: If the address is empty, malformed, or of a kind that we can't open.
    """
    scheme = _scheme(address)
    if scheme is None:
        return FolderBackend(address, _folder(address))
    if scheme not in KINDS or "://" not in address:
        raise ReleaseNotFoundError(f"{scheme}://...: no such address can be opened; use a folder or s3://bucket/prefix")
    return KINDS[scheme](address, Cache(cache or cache_folder()))


def is_remote(address: str) -> bool:
    """Return whether an address is on a server; objects that are read from a server are kept in a cache."""
    return _scheme(address) is not None


def absolute(address: str) -> str:
    """Make an address independent of the current folder, for another process."""
    return address if is_remote(address) else str(_folder(address).absolute())


def _scheme(address: str) -> str | None:
    found = _SCHEME.match(address)
    return found[1] if found else None


def _folder(address: str) -> Path:
    if not address.strip():
        raise ReleaseNotFoundError("an empty address names no place; write a folder or s3://bucket/prefix")
    try:
        return Path(address).expanduser()
    except RuntimeError:  # `~` of an unknown user, or HOME is not set
        raise ReleaseNotFoundError(f"{address}: that home folder is not known; write the folder's whole path") from None

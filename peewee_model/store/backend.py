"""The interface of a storage. `store.Store` implements the rules of releases, which are the same for every storage.

`backends.open_backend` opens the storage of an address. Stores of releases, the records of runs and their checkpoints
all use this interface.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peewee_model.release.manifest import FileEntry

Progress = Callable[[int], object]
"""Receives the number of bytes that were processed since its last call."""


@dataclass(frozen=True)
class Source:
    """A local file that is to be copied into a store."""

    path: Path
    entry: FileEntry
    """The hash and size that it must have."""


class Backend(Protocol):
    """A kind of storage. Keys have forward slashes and are relative to its address."""

    @property
    def address(self) -> str:
        """The address, without secrets."""

    # Small objects, written once

    def names(self, prefix: str, start: str = "") -> list[str]:
        """List the names directly under a prefix, sorted; with `start`, only names that begin with it."""

    def keys(self, prefix: str) -> list[str]:
        """List the keys of all objects under a prefix, however deep, sorted."""

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """Read a small object; None if it does not exist. `keep`: the object never changes, so a cache may answer."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create an object, durably and atomically, also when several writers race; False if the key exists already."""

    def require_atomic(self) -> None:
        """Raise a ReleaseError unless `put_if_absent` is atomic, or the user said that nobody else publishes."""

    # Large files that are replaced and removed: checkpoints. A store of releases does neither

    def upload(self, path: Path, key: str) -> None:
        """Copy a file to a key, whole or not at all; an object of this key is replaced."""

    def download(self, key: str, path: Path) -> None:
        """Copy an object into a file, without a check of its content."""

    def delete(self, key: str) -> None:
        """Remove an object, if it exists."""

    # Releases, written once and verified

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """Copy files into the storage, each compared with its entry, and then create the object `last`.

        Readers ignore the files until `last` exists.

        It must not be called where `last` exists. A rerun after a crash, and another publisher of the same files, do no
        harm.
        """

    def holds(self, version: str) -> bool:
        """Return whether `release` finds the release without a request to a server."""

    def release(self, version: str) -> Path:
        """Return a local folder with a release, verified.

        Raises:
            ReleaseNotFoundError: If it does not exist, or has no manifest.
        """

    def file(self, key: str, entry: FileEntry) -> Path:
        """Return a local file with the content of a key, verified."""

    def at_rest(self, version: str, progress: Progress | None) -> AbstractContextManager[tuple[Path, Collection[str]]]:
        """Yield a local folder with a release as the storage itself contains it, never from a cache.

        Also yield the names of the files whose SHA-256 was already compared with the manifest; `progress` was called
        for them. The caller must verify the other files.
        """

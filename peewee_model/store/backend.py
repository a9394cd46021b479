"""What a kind of storage must be able to do. The rules of releases are `store.Store`, the same for every kind.

Which kind an address names is `backends.open_backend`. Stores of releases, the records of runs and their checkpoints
are all kept in one of these.
"""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peewee_model.release.manifest import FileEntry

Progress = Callable[[int], object]
"""Receives how many bytes were dealt with since its last call."""


@dataclass(frozen=True)
class Source:
    """A local file that is to go into a store."""

    path: Path
    entry: FileEntry
    """What it must be."""


class Backend(Protocol):
    """A kind of storage. Keys have forward slashes and are relative to its address."""

    @property
    def address(self) -> str:
        """The address, as it may be shown."""

    # Small objects, written once

    def names(self, prefix: str, start: str = "") -> list[str]:
        """List the names directly under a prefix, sorted; with `start`, those that begin so."""

    def keys(self, prefix: str) -> list[str]:
        """List the keys of all objects under a prefix, however deep, sorted."""

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """Read a small object; None if there is none. With `keep`, one that never changes: it may come from a cache."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create an object, durably and all at once; False if another of that key exists. Atomic under a race."""

    def require_atomic(self) -> None:
        """Raise a ReleaseError unless `put_if_absent` is atomic, or the user vouches for being the only publisher."""

    # Large files that are replaced and removed: checkpoints. A store of releases does neither

    def upload(self, path: Path, key: str) -> None:
        """Copy a file to a key, whole or not at all, in place of what is there."""

    def download(self, key: str, path: Path) -> None:
        """Copy what a key holds into a file. It is not compared with anything."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""

    # Releases, written once and verified

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """Copy files in, each checked against its entry, and then create the object `last`: without it none count.

        Not called where `last` is. A rerun after a crash, and another publisher of the same files, do no harm.
        """

    def holds(self, version: str) -> bool:
        """Say whether `release` finds the release without asking a server."""

    def release(self, version: str) -> Path:
        """Give a local folder with a release, verified.

        Raises:
            ReleaseNotFoundError: If it is not there, or has no manifest.
        """

    def file(self, key: str, entry: FileEntry) -> Path:
        """Give a local file with the content of a key, verified."""

    def at_rest(self, version: str, progress: Progress | None) -> AbstractContextManager[tuple[Path, Collection[str]]]:
        """Give a local folder with a release as the storage itself holds it, never from a cache.

        Also the names of those files whose SHA-256 was compared with the manifest on the way, with `progress` called
        for them; the rest is for the caller to verify.
        """

"""What a kind of store must be able to do. The rules above it are `store.Store`, the same for every kind."""

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peewee_model.release.manifest import FileEntry

Progress = Callable[[int], object]
"""Told how many bytes were dealt with since it was called last."""


@dataclass(frozen=True)
class Source:
    """A local file that is to go into a store."""

    path: Path
    entry: FileEntry
    """What it must be."""


class Backend(Protocol):
    """A kind of store. Keys have forward slashes and are relative to the store. Nothing is ever deleted."""

    def names(self, prefix: str) -> list[str]:
        """List what stands directly under a prefix, sorted; empty if there is nothing."""

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """Read a small object; None if there is none. With `keep`, one that never changes: it may come from a cache."""

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """Create an object, durably and all at once; False if another of that key exists. Atomic under a race."""

    def require_atomic(self) -> None:
        """Raise a ReleaseError unless `put_if_absent` is atomic, or the user vouches for being the only publisher."""

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """Copy files in, each checked against its entry, and then create the object `last`: without it none count.

        Not called where `last` is. A rerun after a crash, and another publisher of the same files, do no harm.
        """

    def holds(self, version: str) -> bool:
        """Whether `release` finds the release without asking a server."""

    def release(self, version: str) -> Path:
        """Give a local folder with a release, verified."""

    def file(self, key: str, entry: FileEntry) -> Path:
        """Give a local file with what stands at a key, verified."""

    def at_rest(self, version: str, progress: Progress | None) -> AbstractContextManager[tuple[Path, Collection[str]]]:
        """Give a local folder with a release as the store itself holds it, never from a cache.

        Also the names of those files whose SHA-256 was compared with the manifest while they were got, and `progress`
        told; the rest is for the caller to verify.
        """

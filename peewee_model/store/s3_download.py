"""Downloads objects from an S3 bucket. Each file is compared with the expected hash and size."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.manifest import FileEntry, hash_file
from peewee_model.store.backend import Progress
from peewee_model.store.s3_transfers import Explained, Subscriber, transfers


@dataclass(frozen=True)
class Target:
    """A local file into which an object is downloaded."""

    path: Path
    entry: FileEntry
    """The hash and size that it must have."""
    origin: str
    """The object, for messages."""


def download(
    client: Any, bucket: str, files: Mapping[str, Target], progress: Progress, explained: Explained
) -> Iterator[str]:
    """Download objects, by key, into new files.

    Yields: Each key, when its file is complete and has the expected hash and size.

    Raises:
        TamperedReleaseError: If an object has another hash or size.
    """
    with transfers(client) as getting:
        waiting = {}
        for key, target in files.items():
            writer = _HashingWriter(target)
            subscribers = [Subscriber(progress, file=writer)]
            future = getting.download(bucket, key, writer, subscribers=subscribers) if target.entry.size else None
            waiting[key] = future, writer
        for key, (future, writer) in waiting.items():
            if future:
                with explained(key):
                    future.result()
            writer.check()
            yield key


class _HashingWriter:
    """A new file, written in pieces of any order, and hashed in order as far as there is no gap.

    A piece that came too early is read back when the gap before it closes. It is usually still in the system's page
    cache. s3transfer writes from one thread.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._position = 0
        self._early: dict[int, int] = {}
        """Start to end of pieces that are beyond a gap."""
        self._rewritten = False
        """Whether a part was written again after it had been hashed; the whole file must then be hashed again."""
        self._file: BinaryIO | None = None

    def seekable(self) -> bool:
        """Tell s3transfer that pieces may come in any order."""
        return True

    def tell(self) -> int:
        """Return the offset of the next piece."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the offset of the next piece."""
        self._position = offset
        return offset

    def write(self, data: bytes) -> int:
        """Write a piece, and hash the bytes that have no gap before them."""
        self._file = self._file or self._target.path.open("x+b", buffering=0)
        start, self._position = self._position, self._position + len(data)
        if self._position > self._target.entry.size:
            raise TamperedReleaseError(self._complaint(f"{self._position} bytes or more"))
        self._file.seek(start)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        if start == self._hashed:
            self._digest.update(data)
            self._hashed = self._position
            self._catch_up()
        elif start < self._hashed:
            self._rewritten = True
        else:
            self._early[start] = self._position
        return len(data)

    def _catch_up(self) -> None:
        assert self._file
        while end := self._early.pop(self._hashed, None):
            self._file.seek(self._hashed)
            while self._hashed < end:
                piece = self._file.read(end - self._hashed)
                self._digest.update(piece)
                self._hashed += len(piece)

    def check(self) -> None:
        """Compare the written file with the expected hash and size."""
        entry = self._target.entry
        if entry.size == 0:
            self._target.path.touch(exist_ok=False)
        found = FileEntry(sha256=self._digest.hexdigest(), size=self._hashed)
        if self._rewritten or self._early:
            found = hash_file(self._target.path)
        if found != entry:
            raise TamperedReleaseError(self._complaint(f"{found.size} bytes of sha256 {found.sha256}"))

    def _complaint(self, found: str) -> str:
        entry = self._target.entry
        return (
            f"{self._target.origin}: expected {entry.size} bytes of sha256 {entry.sha256}, found {found}; "
            "do not use it, and tell who publishes there"
        )

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

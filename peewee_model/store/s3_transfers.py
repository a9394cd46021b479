"""Many files between a folder and an S3 bucket: in parts, in parallel, each hashed as it passes.

Hashing runs beside the transfer, for hashlib lets other threads go on. A file becomes an object, and an object a file,
only if its SHA-256 is what it should be; on the way the server checks each part, whose SHA-256 is signed.
"""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.manifest import FileEntry, hash_file
from peewee_model.store.backend import Progress, Source

PART_SIZE = 8 * 2**20
MAX_SMALL_IN_MEMORY = 4  # files smaller than a part, while they are sent
N_HASHERS = 2
HASH_METADATA = "sha256"
"""Where an object's own metadata holds the SHA-256 of its content."""


@dataclass(frozen=True)
class Target:
    """A local file that an object is to become."""

    path: Path
    entry: FileEntry
    """What it must be."""
    origin: str
    """The object, for messages."""


Explained = Callable[[str], AbstractContextManager[None]]
"""Given a key, a block in which errors are said in words of ours."""


def upload(client: Any, bucket: str, files: Mapping[str, Source], progress: Progress, explained: Explained) -> None:
    """Send files, by key. Each object holds its SHA-256 in its metadata, so that a rerun knows it.

    Raises:
        TamperedReleaseError: If a file is not what it should be; no object is made of it.
    """
    with _Approvals(files) as approvals, _listening(client, approvals), _transfers(client) as transfers:
        futures = {}
        for key, source in files.items():
            metadata = {"Metadata": {HASH_METADATA: source.entry.sha256}}
            if source.entry.size < PART_SIZE:
                reader = _CheckedReader(source)
                subscribers = [_Subscriber(progress, source.entry.size, reader)]
                futures[key] = transfers.upload(reader, bucket, key, metadata, subscribers)
            else:
                subscribers = [_Subscriber(progress)]
                futures[key] = transfers.upload(str(source.path), bucket, key, metadata, subscribers)
        for key, future in futures.items():
            with explained(key):
                future.result()


def download(
    client: Any, bucket: str, files: Mapping[str, Target], progress: Progress, explained: Explained
) -> Iterator[str]:
    """Get objects, by key, into new files.

    Yields:
        Each key when its file is whole and what it should be.

    Raises:
        TamperedReleaseError: If an object is not what it should be.
    """
    with _transfers(client) as transfers:
        waiting = {}
        for key, target in files.items():
            writer = _HashingWriter(target)
            subscribers = [_Subscriber(progress, file=writer)]
            future = transfers.download(bucket, key, writer, subscribers=subscribers) if target.entry.size else None
            waiting[key] = future, writer
        for key, (future, writer) in waiting.items():
            if future:
                with explained(key):
                    future.result()
            writer.check()
            yield key


def _transfers(client: Any) -> Any:
    from s3transfer.manager import TransferConfig, TransferManager

    config = TransferConfig(
        multipart_threshold=PART_SIZE,
        multipart_chunksize=PART_SIZE,
        max_in_memory_upload_chunks=MAX_SMALL_IN_MEMORY,
        max_io_queue_size=16,
    )
    return TransferManager(client, config)


class _Subscriber:
    """What s3transfer tells of a transfer, and is told."""

    def __init__(self, progress: Progress, size: int | None = None, file: Any = None) -> None:
        self._size = size
        self._progress = progress
        self._file = file

    def on_queued(self, future: Any, **_: Any) -> None:
        """Name the size, so that parts are chosen by it."""
        if self._size is not None:
            future.meta.provide_transfer_size(self._size)

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Tell the caller."""
        self._progress(bytes_transferred)

    def on_done(self, **_: Any) -> None:
        """Close the file: thousands may be waiting."""
        if self._file:
            self._file.close()


class _Approvals:
    """Lets a large file become an object only if it is what it should be.

    Its parts are read from disk as they are sent, and the whole is hashed meanwhile. The request that makes an object
    of the parts waits for the hash, and is not sent if that differs or the file was touched since. (Parts held in
    memory would be hashed as sent, at the cost of twice plain boto3's memory.)
    """

    def __init__(self, files: Mapping[str, Source]) -> None:
        self._large = {key: source for key, source in files.items() if source.entry.size >= PART_SIZE}
        self._pool = ThreadPoolExecutor(N_HASHERS)
        self._hashes: dict[str, Future[tuple[FileEntry, tuple[int, ...]]]] = {}

    def __enter__(self) -> Self:
        """Begin to hash, in the order in which the files are sent."""
        self._hashes = {key: self._pool.submit(_hash_and_state, source.path) for key, source in self._large.items()}
        return self

    def __exit__(self, *_: object) -> None:
        """Hash no more."""
        self._pool.shutdown(cancel_futures=True)

    def __call__(self, params: Mapping[str, Any], **_: Any) -> None:
        """Approve of an object before it is made, or raise."""
        if params["Key"] not in self._hashes:
            return
        found, state = self._hashes[params["Key"]].result()
        source = self._large[params["Key"]]
        if found != source.entry or _state(source.path.stat()) != state:
            raise _changed(source, found)


@contextlib.contextmanager
def _listening(client: Any, approvals: _Approvals) -> Iterator[None]:
    event = "before-parameter-build.s3.CompleteMultipartUpload"
    client.meta.events.register(event, approvals)
    try:
        yield
    finally:
        client.meta.events.unregister(event, approvals)


def _hash_and_state(path: Path) -> tuple[FileEntry, tuple[int, ...]]:
    state = _state(path.stat())
    return hash_file(path), state


def _state(status: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(source: Source, found: FileEntry) -> TamperedReleaseError:
    return TamperedReleaseError(
        f"{source.path}: expected {source.entry.size} bytes of sha256 {source.entry.sha256}, found {found.size} of "
        f"{found.sha256}, or it was touched meanwhile; make the release anew"
    )


class _CheckedReader:
    """Reads a small file, and fails at its end if it was not what it should be.

    It can't be sought in: so s3transfer reads it once, into memory, and sends what was hashed here.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None

    def read(self, amount: int = -1) -> bytes:
        """Read on; everything that is left, without an amount."""
        self._file = self._file or self._source.path.open("rb", buffering=0)
        entry = self._source.entry
        if amount < 0:
            amount = max(entry.size - self._size, 0) + 1
        data = self._file.read(amount) or b""
        while data and len(data) < amount and (more := self._file.read(amount - len(data))):
            data += more
        self._digest.update(data)
        self._size += len(data)
        ends = not data or self._size >= entry.size
        found = FileEntry(sha256=self._digest.hexdigest(), size=self._size)
        if ends and found != entry:
            raise _changed(self._source, found)
        return data

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()


class _HashingWriter:
    """A new file, written in pieces of any order, and hashed in order as far as there is no gap.

    What came too early is read back when the gap before it closes: from the system's memory, hardly ever from a disk.
    s3transfer writes from one thread.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._digest = hashlib.sha256()
        self._hashed = 0
        self._position = 0
        self._early: dict[int, int] = {}
        """Start to end of pieces that stand beyond a gap."""
        self._rewritten = False
        """A part was asked for again after some of it had been hashed: then only the file itself can tell."""
        self._file: BinaryIO | None = None

    def seekable(self) -> bool:
        """Tell s3transfer that pieces may come in any order."""
        return True

    def tell(self) -> int:
        """Say where the next piece goes."""
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to where the next piece belongs."""
        self._position = offset
        return offset

    def write(self, data: bytes) -> int:
        """Write a piece, and hash what has no gap before it."""
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
        """Compare what was written with what it should be."""
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

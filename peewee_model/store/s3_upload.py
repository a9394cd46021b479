"""Uploads files into an S3 bucket. An object is created only if the file has the expected hash and size."""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Self

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.manifest import FileEntry, hash_file
from peewee_model.store.backend import Progress, Source
from peewee_model.store.s3_transfers import HASH_METADATA, PART_SIZE, Explained, Subscriber, transfers

N_HASHERS = 2


def upload(client: Any, bucket: str, files: Mapping[str, Source], progress: Progress, explained: Explained) -> None:
    """Send files, by key. Each object has its SHA-256 in its metadata, so that a rerun recognises it.

    Raises:
        TamperedReleaseError: If a file has another hash or size; no object is created from it.
    """
    with _Approvals(files) as approvals, _listening(client, approvals), transfers(client) as sending:
        futures = {}
        for key, source in files.items():
            metadata = {"Metadata": {HASH_METADATA: source.entry.sha256}}
            if source.entry.size < PART_SIZE:
                reader = _CheckedReader(source)
                subscribers = [Subscriber(progress, source.entry.size, reader)]
                futures[key] = sending.upload(reader, bucket, key, metadata, subscribers)
            else:
                subscribers = [Subscriber(progress)]
                futures[key] = sending.upload(str(source.path), bucket, key, metadata, subscribers)
        for key, future in futures.items():
            with explained(key):
                future.result()


class _Approvals:
    """Allows the object of a large file only if the file has the expected hash and size.

    The parts are read from disk as they are sent, and the whole file is hashed in parallel. The request that joins the
    parts to an object waits for the hash. It is not sent if the hash differs, or if the file changed in between. (Parts
    in memory could be hashed as they are sent, but this needs twice the memory of plain boto3.)
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
        """Return if the object may be created, or raise."""
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
    """Reads a small file, and raises at its end if the hash or size is wrong.

    It is not seekable. So s3transfer reads it once, into memory, and sends exactly the bytes that were hashed here.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None = None

    def read(self, amount: int = -1) -> bytes:
        """Read the next bytes; without an amount, read to the end."""
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

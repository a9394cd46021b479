"""Shared code of uploads and downloads with an S3 bucket: many files at once, in parts, hashed during the transfer.

Hashing runs in parallel with the transfer, because hashlib releases the interpreter's lock. An object or a file is
created only if its SHA-256 is the expected one. The server also checks each part, whose SHA-256 is signed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from peewee_model.store.backend import Progress

PART_SIZE = 8 * 2**20
MAX_SMALL_IN_MEMORY = 4  # files smaller than a part, while they are sent
HASH_METADATA = "sha256"
"""Key of the SHA-256 in an object's metadata."""

Explained = Callable[[str], AbstractContextManager[None]]
"""Called with a key; returns a context in which errors become one line with a remedy."""


def transfers(client: Any) -> Any:
    """Yield a manager of many transfers; the end of the context waits for all of them."""
    from s3transfer.manager import TransferConfig, TransferManager

    config = TransferConfig(
        multipart_threshold=PART_SIZE,
        multipart_chunksize=PART_SIZE,
        max_in_memory_upload_chunks=MAX_SMALL_IN_MEMORY,
        max_io_queue_size=16,
    )
    return TransferManager(client, config)


class Subscriber:
    """The callbacks of s3transfer during a transfer."""

    def __init__(self, progress: Progress, size: int | None = None, file: Any = None) -> None:
        self._size = size
        self._progress = progress
        self._file = file

    def on_queued(self, future: Any, **_: Any) -> None:
        """Set the size, by which s3transfer chooses the parts."""
        if self._size is not None:
            future.meta.provide_transfer_size(self._size)

    def on_progress(self, bytes_transferred: int, **_: Any) -> None:
        """Report the progress to the caller."""
        self._progress(bytes_transferred)

    def on_done(self, **_: Any) -> None:
        """Close the file, because thousands of transfers may be open."""
        if self._file:
            self._file.close()

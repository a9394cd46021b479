"""What sending to and getting from an S3 bucket share: many files at once, in parts, each hashed as it passes.

Hashing runs beside the transfer, for hashlib lets other threads go on. A file becomes an object, and an object a file,
only if its SHA-256 is what it should be; on the way the server checks each part, whose SHA-256 is signed.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from peewee_model.store.backend import Progress

PART_SIZE = 8 * 2**20
MAX_SMALL_IN_MEMORY = 4  # files smaller than a part, while they are sent
HASH_METADATA = "sha256"
"""Where an object's own metadata holds the SHA-256 of its content."""

Explained = Callable[[str], AbstractContextManager[None]]
"""Given a key, a block in which errors become one line with a remedy."""


def transfers(client: Any) -> Any:
    """Make what moves many files at once; a context that waits for them."""
    from s3transfer.manager import TransferConfig, TransferManager

    config = TransferConfig(
        multipart_threshold=PART_SIZE,
        multipart_chunksize=PART_SIZE,
        max_in_memory_upload_chunks=MAX_SMALL_IN_MEMORY,
        max_io_queue_size=16,
    )
    return TransferManager(client, config)


class Subscriber:
    """What s3transfer calls as a transfer goes on."""

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

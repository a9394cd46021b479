"""A file that was cut into pieces, read as one: nothing is joined on disk."""

import hashlib
import io
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Self

from pipeline.ingest.archive_error import ArchiveError


class Pieces:
    """A seekable reader over files, one behind the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Open the pieces, in their order."""
        self._stack = ExitStack()
        self._files: list[BinaryIO] = []
        self._starts = [0]
        for path in paths:
            self._files.append(self._stack.enter_context(path.open("rb")))
            self._starts.append(self._starts[-1] + self._files[-1].seek(0, io.SEEK_END))
        self.size = self._starts[-1]

    def __enter__(self) -> Self:
        """Return the reader."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the pieces."""
        self._stack.close()

    def read_at(self, position: int, n_bytes: int) -> bytes:
        """Read `n_bytes` bytes from a position on, over the border of pieces; fewer at the end of the last."""
        found = []
        for number, file in enumerate(self._files):
            start, end = self._starts[number], self._starts[number + 1]
            if start <= position < end and n_bytes > 0:
                file.seek(position - start)
                data = file.read(min(n_bytes, end - position))
                found.append(data)
                position, n_bytes = position + len(data), n_bytes - len(data)
        return b"".join(found)


def check_hash(path: Path, sha256: str) -> None:
    """Compare a file's SHA-256, in hexadecimal; nothing is compared if it is empty.

    Raises:
        ArchiveError: If it is another one.
    """
    if not sha256:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256.lower():
        raise wrong_hash(path, found, sha256)


def wrong_hash(path: Path, found: str, expected: str) -> ArchiveError:
    """Make the error of a file with another hash."""
    return ArchiveError(
        "wrong_hash",
        f"{path}: its SHA-256 is {found}, params.yaml has {expected} under corpus.sources; delete the file and run the "
        "stage download again, or correct params.yaml",
    )

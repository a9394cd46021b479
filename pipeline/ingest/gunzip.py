"""One gzip stream of unknown origin, read forward in bounded memory."""

import hashlib
import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.corpora.sources import GZIP, HEAD_BYTES, READ, what_it_is
from pipeline.ingest.archive_error import ArchiveError

MAX_RATIO = 100  # of decompressed to compressed bytes: speech has 2, texts 20
RATIO_ALLOWANCE_BYTES = 64 << 20  # a small archive of silence is no bomb

_CHUNK = 1 << 18


class Gunzip:
    """A gzip file that holds exactly one stream, whose decompressed size stays within a ratio."""

    def __init__(self, file: BinaryIO, path: Path, progress: Callable[[int], object]) -> None:
        self._file, self._path, self._progress = file, path, progress
        self._zlib = zlib.decompressobj(wbits=31)
        self._hash = hashlib.sha256()
        self._pending = b""
        self._buffer = io.BytesIO()
        self.n_in = self.n_out = 0
        self._load()
        if not self._pending:
            raise ArchiveError("empty", f"{path} is empty; delete it and run the stage download again")
        if kind := what_it_is(self._pending[:HEAD_BYTES]):
            raise ArchiveError("not_gzip", f"{path} is {kind}; {READ}: pack it anew, or correct corpus.sources")

    def read(self, n_bytes: int) -> bytes:
        """Read exactly `n_bytes` bytes, or fewer at the end of the stream."""
        data = self._buffer.read(n_bytes)
        if len(data) == n_bytes:
            return data
        pieces, missing = [data], n_bytes - len(data)
        while missing and (more := self._decompress()):
            pieces.append(more[:missing])
            missing -= len(pieces[-1])
            self._buffer = io.BytesIO(more[len(pieces[-1]) :])
        return b"".join(pieces)

    def finish(self, sha256: str) -> None:
        """Check the rest of the file after the tar's end: zeros, gzip's checksum, no more bytes, the file's hash."""
        while data := self.read(_CHUNK):
            if data.count(0) != len(data):
                raise self._error("trailing_data", "there are bytes after the end of the tar; pack it anew")
        rest = self._zlib.unused_data or self._load()
        if rest.startswith(GZIP):
            raise self._error("concatenated", "a second gzip stream follows the first; pack it anew as one")
        if rest:
            raise self._error("trailing_data", "there are bytes after the end of the gzip stream; download it again")
        if sha256 and self._hash.hexdigest() != sha256.lower():
            raise self._error(
                "wrong_hash",
                f"its SHA-256 is {self._hash.hexdigest()}, params.yaml has {sha256} under corpus.sources; delete the "
                "file and run the stage download again, or correct params.yaml",
            )

    def _load(self) -> bytes:
        self._pending = self._file.read(_CHUNK)
        self._hash.update(self._pending)
        self.n_in += len(self._pending)
        self._progress(len(self._pending))
        return self._pending

    def _decompress(self) -> bytes:
        while not self._zlib.eof:
            if not self._pending and not self._load():
                raise self._error("truncated", "the gzip stream ends early; delete the file and download it again")
            try:
                data = self._zlib.decompress(self._pending, _CHUNK)
            except zlib.error as error:
                raise self._error("damaged", f"{error}; delete the file and run the stage download again") from None
            self._pending = self._zlib.unconsumed_tail
            if not self._pending and not self._zlib.eof and not data:
                continue
            self.n_out += len(data)
            if self.n_out > RATIO_ALLOWANCE_BYTES + MAX_RATIO * self.n_in:
                raise self._error(
                    "bomb", f"{self.n_in} bytes grew to more than {self.n_out}; no speech corpus does, so don't use it"
                )
            if data:
                return data
        return b""

    def _error(self, kind: str, message: str) -> ArchiveError:
        return ArchiveError(kind, f"{self._path}: {message}")

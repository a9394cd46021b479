"""One compressed stream of unknown origin, read forward in bounded memory: gzip, xz, bzip2, or a tar as it is."""

import bz2
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pipeline.corpora.sources import HEAD_BYTES, READ, archive_kind, what_it_is
from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.pieces import wrong_hash

MAX_RATIO = 100  # of decompressed to compressed bytes: speech has 2, texts 20
RATIO_ALLOWANCE_BYTES = 64 << 20  # a small archive of silence is no bomb

_CHUNK = 1 << 18
_XZ_BYTES = 256 << 20  # memory that an .xz may ask for; the strongest setting of its program needs 65 MiB


class _Stream(Protocol):
    """A decompressor, as bz2 and lzma have it."""

    eof: bool
    needs_input: bool
    unused_data: bytes

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Gzip:
    """zlib's decompressor with the interface of the others."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def needs_input(self) -> bool:
        return not self._zlib.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)


class _Plain:
    """A tar that is not compressed: its end is the file's."""

    eof, needs_input, unused_data = False, True, b""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return data


_STREAMS: dict[str | None, Callable[[], Any]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_XZ_BYTES),
    "tar": _Plain,
}


class Unpacked:
    """A file that holds exactly one stream, whose decompressed size stays within a ratio."""

    def __init__(self, file: BinaryIO, path: Path, progress: Callable[[int], object]) -> None:
        """Read the file's beginning, which says how it is compressed."""
        self._file, self._path, self._progress = file, path, progress
        self._hash = hashlib.sha256()
        self._pending = b""
        self._buffer = io.BytesIO()
        self._stream: _Stream
        self.n_in = self.n_out = 0
        self._load()
        if not self._pending:
            raise ArchiveError("empty", f"{path} is empty; delete it and run the stage download again")
        kind = archive_kind(self._pending[:HEAD_BYTES])
        if kind not in _STREAMS:
            found = what_it_is(self._pending[:HEAD_BYTES])
            raise ArchiveError("not_archive", f"{path} is {found}; {READ}: pack it anew, or correct corpus.sources")
        self._kind = kind
        self._stream = _STREAMS[kind]()

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
        rest = self._stream.unused_data or self._load()
        if rest and archive_kind(rest[:HEAD_BYTES]) == self._kind:
            raise self._error("concatenated", "a second stream follows the first; pack it anew as one")
        if rest:
            raise self._error("trailing_data", "there are bytes after the end of the stream; download it again")
        if sha256 and self._hash.hexdigest() != sha256.lower():
            raise wrong_hash(self._path, self._hash.hexdigest(), sha256)

    def _load(self) -> bytes:
        self._pending = self._file.read(_CHUNK)
        self._hash.update(self._pending)
        self.n_in += len(self._pending)
        self._progress(len(self._pending))
        return self._pending

    def _decompress(self) -> bytes:
        while not self._stream.eof:
            if self._stream.needs_input and not self._pending and not self._load():
                if self._kind == "tar":
                    return b""
                raise self._error("truncated", "the stream ends early; delete the file and download it again")
            try:
                data = self._stream.decompress(self._pending, _CHUNK)
            except (zlib.error, lzma.LZMAError, OSError, ValueError) as error:
                raise self._error("damaged", f"{error}; delete the file and run the stage download again") from None
            self._pending = b""
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

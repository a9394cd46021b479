"""The members of a tar of unknown origin.

The tar headers are parsed here and not by `tarfile`. `tarfile` trusts links and sizes of the headers, keeps every
header in memory, stops silently at the end of a first gzip member, and reads an extended header of any size into
memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.ingest.archive_error import KINDS, ArchiveError
from pipeline.ingest.large_tables import in_pieces
from pipeline.ingest.names import Names
from pipeline.ingest.readers.reader import MAX_MEMBER_BYTES, TABLES, Member
from pipeline.ingest.unpacked import Unpacked

MAX_HEADERS = 2_000_000  # VoxCeleb2 has 1,100,000
MAX_SMALL_HEADERS = 100_000  # from here on members must have SMALL_BYTES on average
SMALL_BYTES = 2048
MAX_EXTENDED_BYTES = 1 << 20  # a pax header or a long name; macOS writes some kB

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
_CHUNK = 1 << 18
_TYPES = {
    **dict.fromkeys(b"12K", "link"),  # K: the long target of a link that follows
    **dict.fromkeys(b"346", "device"),
    ord("S"): "sparse",
}


@dataclass(slots=True)
class _Header:
    name: str
    size: int
    type: int
    mode: int


class Tar:
    """The members of one tar stream."""

    def __init__(self, stream: Unpacked, path: Path) -> None:
        """Set the stream, and the archive's path for errors."""
        self._stream, self._path = stream, path
        self._names = Names(str(path))
        self._n_headers = 0
        self._name = ""  # the last header's, for messages

    def members(self) -> Iterator[Member]:
        """Yield the regular files in their order, one in memory at a time; a large table comes in pieces."""
        n_files = 0
        name: str | None = None  # values of an extended header for the next member
        size: int | None = None
        while (header := self._header()) is not None:
            if header.type in b"xL":
                found = self._extended(header)
                name, size = found if header.type == ord("x") else (found[0], size)
                continue
            if header.type == ord("g"):
                if self._extended(header) != (None, None):
                    raise self._error("bad_name", "a global header names a member; pack it anew")
                continue
            self._name = name if name is not None else header.name
            header.size = size if size is not None else header.size
            name = size = None
            if self._checked(header):
                n_files += 1
                if header.size > MAX_MEMBER_BYTES and self._name.lower().endswith(TABLES):
                    yield from in_pieces(self._name, header.size, self._chunks(header.size), self._error)
                else:
                    yield Member(self._name, header.size, self._content(header.size))
        if not n_files:
            raise ArchiveError("empty", f"{self._path} holds no file; pack it anew, or correct corpus.sources")

    def _header(self) -> _Header | None:
        """Parse the next header; None at the end of the archive."""
        block = self._block()
        if block == _ZEROS:
            return None
        self._n_headers += 1
        n_out = self._stream.n_out
        is_small = self._n_headers > MAX_SMALL_HEADERS and n_out < self._n_headers * SMALL_BYTES
        if self._n_headers > MAX_HEADERS or is_small:
            raise self._error(
                "too_many_members",
                f"more than {self._n_headers - 1} members in {n_out} bytes; split it, or pack recordings only",
            )
        try:
            stated, mode, size = _number(block[148:156]), _number(block[100:108]), _number(block[124:136])
        except ValueError:
            raise self._error("not_tar", "a header holds no number where one must be; is it a tar?") from None
        if stated != sum(block) - sum(block[148:156]) + 8 * 32:
            raise self._error("not_tar", "a header's checksum is wrong; is it a tar?")
        return _Header(self._header_name(block), size, block[156] or ord("0"), mode)

    def _header_name(self, block: bytes) -> str:
        name = _until_nul(block[:100])
        if block[257:263] == b"ustar\0" and block[345]:
            name = _until_nul(block[345:500]) + b"/" + name
        self._name = name.decode("utf-8", "backslashreplace")
        if block[:100].rstrip(b"\0") != _until_nul(block[:100]):
            raise self._error("bad_name", "its name holds NUL; pack it anew")
        return self._names.decoded(name)

    def _checked(self, header: _Header) -> bool:
        """Judge a member by its header; True for a regular file, False for a folder."""
        is_folder = header.type == ord("5") or (header.type == ord("0") and self._name.endswith("/"))
        if header.size < 0:
            raise self._error("negative_size", f"its size is {header.size}; don't use this archive")
        if not is_folder and header.type not in b"07":
            kind = _TYPES.get(header.type, "unknown_type")
            raise self._error(kind, f"it is {KINDS[kind]}; only regular files are read, so pack it anew without it")
        if not is_folder and header.mode & 0o7000:
            raise self._error("special_mode", f"its mode is {header.mode:o}; pack it anew without special bits")
        self._name = self._names.safe(self._name)
        if is_folder:
            self._drain(header.size)  # most writers state 0
            return False
        self._names.add_file(self._name)
        return True

    def _extended(self, header: _Header) -> tuple[str | None, int | None]:
        """Read a pax header, or GNU's long name: the name and the size that it gives to the next member."""
        if not 0 <= header.size <= MAX_EXTENDED_BYTES:
            kind = "negative_size" if header.size < 0 else "header_bloat"
            raise self._error(kind, f"an extended header has {header.size} bytes; don't use this archive")
        data = self._content(header.size)
        assert data is not None
        if header.type == ord("L"):
            return self._names.decoded(data.removesuffix(b"\0")), None
        name, size = None, None
        for key, value in self._records(data):
            if key.startswith(b"GNU.sparse"):
                raise self._error("sparse", "it is a sparse file; only plain files are read, so pack it anew")
            if key == b"path":
                name = self._names.decoded(value)
            elif key == b"size":
                size = int(value) if re.fullmatch(rb"-?\d{1,18}", value) else -1
        return name, size

    def _records(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        position = 0
        while position < len(data.rstrip(b"\0")):
            found = re.match(rb"(\d{1,7}) ([^=]+)=", data[position : position + 512])
            end = position + int(found[1]) if found else 0
            if found is None or end > len(data) or end <= position + found.end() or data[end - 1 : end] != b"\n":
                raise self._error("not_tar", "an extended header is damaged; download the archive again")
            yield found[2], data[position + found.end() : end - 1]
            position = end

    def _content(self, size: int) -> bytes | None:
        if size > MAX_MEMBER_BYTES:
            self._drain(size)
            return None
        data = self._stream.read(size + -size % _BLOCK)
        if len(data) < size:
            raise self._error("truncated", "the archive ends within it; delete the file and download it again")
        return data[:size]

    def _drain(self, size: int) -> None:
        for _ in self._chunks(size):
            pass

    def _chunks(self, size: int) -> Iterator[bytes]:
        left, padding = size, -size % _BLOCK
        while left or padding:
            data = self._stream.read(min(left or padding, _CHUNK))
            if not data:
                raise self._error("truncated", "the archive ends within it; delete the file and download it again")
            if left:
                left -= len(data)
                yield data
            else:
                padding -= len(data)

    def _block(self) -> bytes:
        block = self._stream.read(_BLOCK)
        if not block:
            raise self._error("truncated", "no end of the tar follows; delete the file and download it again")
        if len(block) < _BLOCK:
            raise self._error("not_tar" if not self._n_headers else "truncated", "it ends within a header")
        return block

    def _error(self, kind: str, message: str) -> ArchiveError:
        return self._names.error(kind, self._name, message)


def _until_nul(field: bytes) -> bytes:
    return field.partition(b"\0")[0]


def _number(field: bytes) -> int:
    """Read a number of a header: octal digits, or base 256 where the first bit is set."""
    if field[0] & 0x80:
        value = int.from_bytes(field[1:], "big")
        return value - (1 << 8 * (len(field) - 1)) if field[0] == 0xFF else value
    digits = field.rstrip(b"\0 ").lstrip(b" ")
    if digits.startswith(b"-"):
        return -int(digits[1:], 8)
    return int(digits, 8) if digits else 0

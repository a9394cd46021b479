"""The members of a zip of unknown origin.

The records are parsed here and not by `zipfile`. `zipfile` keeps an object for each member (700 MB for VoxCeleb2),
trusts sizes, ignores what two records say of the same member, and lets members share bytes.

Source: APPNOTE.TXT, .ZIP File Format Specification, version 6.3.10, PKWARE.
"""

import zlib
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.large_tables import in_pieces
from pipeline.ingest.names import Names
from pipeline.ingest.pieces import Pieces
from pipeline.ingest.readers.reader import MAX_MEMBER_BYTES, TABLES, Member
from pipeline.ingest.unpacked import MAX_RATIO, RATIO_ALLOWANCE_BYTES
from pipeline.ingest.zip_records import (
    DEFLATED,
    Entry,
    check_entry,
    check_local,
    read_directory,
    read_entries,
    read_local,
)

_CHUNK = 1 << 18


class Zip:
    """The members of one zip, which may be in pieces."""

    def __init__(self, file: Pieces, path: Path, progress: Callable[[int], object]) -> None:
        """Set the file, its path for errors, and what receives the number of bytes read."""
        self._file, self._names, self._progress = file, Names(str(path)), progress
        self._starts = array("Q")  # of the local records, sorted, and of the directory

    def members(self) -> Iterator[Member]:
        """Yield the regular files in the directory's order, one in memory at a time; a large table comes in pieces."""
        directory = read_directory(self._file, self._names)
        self._look_over(directory)
        n_told = n_files = 0
        for entry in read_entries(self._file, directory, self._names):
            if entry.is_folder:
                continue
            name = self._names.safe(entry.name)
            self._names.add_file(name)
            n_files += 1
            chunks = self._content(entry)
            if entry.size <= MAX_MEMBER_BYTES:
                yield Member(name, entry.size, b"".join(chunks))
            elif name.lower().endswith(TABLES):
                yield from in_pieces(name, entry.size, chunks, self._about(entry))
            else:
                yield Member(name, entry.size, None)
            self._progress(entry.packed_size)
            n_told += entry.packed_size
        if not n_files:
            raise self._names.error("empty", "", "it holds no file; pack it anew, or correct corpus.sources")
        self._progress(self._file.size - n_told)

    def _look_over(self, directory: tuple[int, int, int]) -> None:
        """Check all entries of the directory before the first member is read: their kinds, sizes and places."""
        starts, ends = array("Q"), array("Q")
        n_packed = n_out = 0
        for entry in read_entries(self._file, directory, self._names):
            check_entry(entry, self._file.size, self._names)
            n_packed, n_out = n_packed + entry.packed_size, n_out + entry.size
            if n_out > RATIO_ALLOWANCE_BYTES + MAX_RATIO * n_packed:
                text = f"{n_packed} bytes grow to {n_out}; no speech corpus does, so don't use it"
                raise self._error("bomb", entry, text)
            starts.append(entry.offset)
            ends.append(entry.offset + entry.least_size)
        order = sorted(range(len(starts)), key=starts.__getitem__)
        self._starts = array("Q", [*(starts[number] for number in order), directory[0]])
        for place, number in enumerate(order):
            if ends[number] > self._starts[place + 1]:
                text = f"members share the bytes from {self._starts[place + 1]} on; don't use this archive"
                raise self._names.error("overlap", "", text)
        if self._starts[0]:
            raise self._names.error("trailing_data", "", f"{self._starts[0]} bytes precede the first member")

    def _content(self, entry: Entry) -> Iterator[bytes]:
        """Yield a member's content, checked by its size and checksum."""
        local = read_local(self._file, entry, self._names)
        check_local(local, entry, self._names)
        end = local.data + entry.packed_size
        if end > self._starts[bisect_right(self._starts, entry.offset)]:
            raise self._error("overlap", entry, "it shares bytes with the next member; don't use this archive")
        check = n_out = 0
        for data in self._inflated(entry, local.data, end) if entry.method == DEFLATED else self._raw(local.data, end):
            check, n_out = zlib.crc32(data, check), n_out + len(data)
            if n_out > entry.size:
                break
            yield data
        if n_out != entry.size or check != entry.crc:
            text = "its size or checksum is not the one that the zip states; download it again"
            raise self._error("damaged", entry, text)

    def _raw(self, start: int, end: int) -> Iterator[bytes]:
        for position in range(start, end, _CHUNK):
            yield self._file.read_at(position, min(_CHUNK, end - position))

    def _inflated(self, entry: Entry, start: int, end: int) -> Iterator[bytes]:
        stream = zlib.decompressobj(wbits=-15)
        try:
            for packed in self._raw(start, end):
                while packed and not stream.eof:
                    yield stream.decompress(packed, _CHUNK)
                    packed = stream.unconsumed_tail
        except zlib.error as error:
            raise self._error("damaged", entry, f"{error}; download it again") from None
        while data := stream.decompress(b"", _CHUNK) if not stream.eof else b"":
            yield data
        if not stream.eof or stream.unused_data:
            raise self._error("damaged", entry, "its compressed data does not end where it should; download it again")

    def _about(self, entry: Entry) -> Callable[[str, str], ArchiveError]:
        return lambda kind, text: self._error(kind, entry, text)

    def _error(self, kind: str, entry: Entry, text: str) -> ArchiveError:
        return self._names.error(kind, entry.name, text)

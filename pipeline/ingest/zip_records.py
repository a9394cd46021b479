"""The records of a zip: its directory at the end, an entry a member, and a record before each member's data.

Source: APPNOTE.TXT, .ZIP File Format Specification, version 6.3.10, PKWARE, sections 4.3 to 4.5.
"""

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.ingest.archive_error import KINDS
from pipeline.ingest.names import Names
from pipeline.ingest.pieces import Pieces
from pipeline.ingest.tar_archive import MAX_HEADERS, MAX_SMALL_HEADERS, SMALL_BYTES

STORED, DEFLATED = 0, 8
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_ALL_16, _ALL_32 = 0xFFFF, 0xFFFFFFFF
_ENCRYPTED = 1 | 1 << 6 | 1 << 13
_DESCRIBED_BEHIND = 1 << 3
_ZIP64, _UNICODE_NAME = 1, 0x7075
_WINDOW = 1 << 18
_UNIX = 3
_MODES = {stat.S_IFLNK: "link", stat.S_IFIFO: "device", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}

Directory = tuple[int, int, int]
"""Where the directory is, where it ends, and how many entries it has."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A member by the directory."""

    name: str
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    offset: int
    """Of its local record."""
    mode: int
    """Unix's, with the type of the file; 0 if the writer states none."""
    raw_name: bytes

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.name.endswith("/")

    @property
    def least_size(self) -> int:
        """Bytes of the local record and the data, without the record's extra field."""
        return _LOCAL.size + len(self.raw_name) + self.packed_size


@dataclass(frozen=True, slots=True)
class Local:
    """A member by the record before its data."""

    raw_name: bytes
    flags: int
    method: int
    crc: int
    packed_size: int
    size: int
    data: int
    """Where its data begins."""


def read_directory(file: Pieces, names: Names) -> Directory:
    """Find the directory by the record at the end of the zip."""
    tail_at = max(0, file.size - _END.size - _ALL_16)
    tail = file.read_at(tail_at, file.size - tail_at)
    found = []
    at = tail.find(b"PK\x05\x06")
    while at >= 0:
        if len(tail) - at >= _END.size and len(tail) - at - _END.size == _END.unpack_from(tail, at)[7]:
            found.append(at)
        at = tail.find(b"PK\x05\x06", at + 1)
    if len(found) != 1:
        kind = "contradiction" if found else "trailing_data" if b"PK\x05\x06" in tail else "truncated"
        text = f"{len(found)} records end this zip, where one must; download it again"
        raise names.error(kind, "", text)
    end_at = tail_at + found[0]
    _, disk, first_disk, n_here, n_all, size, start, _ = _END.unpack_from(tail, found[0])
    stated = (n_all, size, start)
    is_wide = n_all == _ALL_16 or _ALL_32 in (size, start)
    wide = _read_wide(file, end_at, names) if is_wide else None
    if wide is not None:
        end_at, (n_all, size, start) = wide
        for narrow, long, full in zip(stated, (n_all, size, start), (_ALL_16, _ALL_32, _ALL_32), strict=True):
            if narrow not in (full, long):
                raise names.error("contradiction", "", f"its records state {narrow} and {long}; don't use this archive")
    elif disk or first_disk or n_here != n_all:
        raise names.error("not_zip", "", "it is a piece of a zip that a program split; join the pieces by that program")
    if start + size != end_at:
        raise names.error(
            "trailing_data" if start + size < end_at else "contradiction",
            "",
            f"its directory ends at byte {start + size}, and its last record is at {end_at}; download it again",
        )
    _check_number(n_all, size, file.size, names)
    return start, end_at, n_all


def _read_wide(file: Pieces, end_at: int, names: Names) -> tuple[int, tuple[int, int, int]] | None:
    """Read the record with 64 bits, if there is one; return where it is, and the numbers."""
    data = file.read_at(max(0, end_at - _LOCATOR.size), _LOCATOR.size)
    if end_at < _LOCATOR.size or data[:4] != b"PK\x06\x07":
        return None  # 65,535 members are allowed without it
    _, disk, at, n_disks = _LOCATOR.unpack(data)
    record = file.read_at(at, _END64.size) if at <= file.size else b""
    if disk or n_disks > 1 or len(record) < _END64.size or record[:4] != b"PK\x06\x06":
        raise names.error("not_zip", "", "its zip64 locator leads to no such record; download it again")
    _, size, _, _, disk, first_disk, n_here, n_all, directory_size, start = _END64.unpack(record)
    if at + 12 + size != end_at - _LOCATOR.size or disk or first_disk or n_here != n_all:
        raise names.error("contradiction", "", "its zip64 record's size or number of members is wrong")
    return at, (n_all, directory_size, start)


def _check_number(n_entries: int, size: int, file_size: int, names: Names) -> None:
    is_small = n_entries > MAX_SMALL_HEADERS and file_size < n_entries * SMALL_BYTES
    if n_entries > MAX_HEADERS or is_small:
        text = f"{n_entries} members in {file_size} bytes; split it, or pack recordings only"
        raise names.error("too_many_members", "", text)
    if n_entries * _ENTRY.size > size:
        raise names.error("contradiction", "", f"{n_entries} members in a directory of {size} bytes")


def read_entries(file: Pieces, directory: Directory, names: Names) -> Iterator[Entry]:
    """Yield the directory's entries in their order; a part of the directory is in memory."""
    position, end, n_entries = directory
    window, start = b"", position
    for _ in range(n_entries):
        if len(window) - (position - start) < 3 * _ALL_16 + _ENTRY.size:
            start, window = position, file.read_at(position, min(_WINDOW * 2, end - position))
        at = position - start
        if len(window) - at < _ENTRY.size or window[at : at + 4] != b"PK\x01\x02":
            raise names.error("not_zip", "", f"byte {position} is no entry of its directory; download it again")
        values = _ENTRY.unpack_from(window, at)
        n_name, n_extra, n_comment = values[10:13]
        name_at = at + _ENTRY.size
        raw_name = window[name_at : name_at + n_name]
        extra = window[name_at + n_name : name_at + n_name + n_extra]
        position += _ENTRY.size + n_name + n_extra + n_comment
        if position > end:
            raise names.error("not_zip", "", "an entry is longer than its directory; download it again")
        yield _entry(values, raw_name, extra, names)
    if position != end:
        raise names.error("contradiction", "", f"its directory has more than the {n_entries} entries that are stated")


def _entry(values: tuple[int, ...], raw_name: bytes, extra: bytes, names: Names) -> Entry:
    _, by, _, flags, method, _, _, crc, packed_size, size, _, _, _, disk, _, outside, offset = values
    shown = raw_name.decode("utf-8", "backslashreplace")
    fields = _extra_fields(extra, shown, names)
    numbers = _widened((size, packed_size, offset), fields.get(_ZIP64, b""), shown, names)
    if disk not in (0, _ALL_16):
        raise names.error("not_zip", shown, "it is on another disk; join the pieces by the program that split it")
    if _UNICODE_NAME in fields and fields[_UNICODE_NAME][5:] != raw_name:
        raise names.error("contradiction", shown, "it has two names; don't use this archive")
    if b"\0" in raw_name:
        raise names.error("bad_name", shown, "its name holds NUL; pack it anew")
    name = names.decoded(raw_name)
    mode = outside >> 16 if by >> 8 == _UNIX else 0
    return Entry(name, flags, method, crc, numbers[1], numbers[0], numbers[2], mode, raw_name)


def _extra_fields(extra: bytes, name: str, names: Names) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<2H", extra, at)
        if at + 4 + size > len(extra) or kind in fields:
            raise names.error("contradiction", name, "its extra fields are too long or there twice; pack it anew")
        fields[kind] = extra[at + 4 : at + 4 + size]
        at += 4 + size
    return fields


def _widened(numbers: tuple[int, ...], field: bytes, name: str, names: Names) -> list[int]:
    """Replace numbers that have all bits set by those of the zip64 field."""
    wide = list(numbers)
    at = 0
    for place, number in enumerate(numbers):
        if number == _ALL_32:
            if at + 8 > len(field):
                raise names.error("contradiction", name, "it lacks the zip64 size or place that it states")
            (wide[place],) = struct.unpack_from("<Q", field, at)
            at += 8
    return wide


def check_entry(entry: Entry, file_size: int, names: Names) -> None:
    """Judge a member by its entry in the directory."""
    kind = _MODES.get(stat.S_IFMT(entry.mode))
    if kind is None and stat.S_IFMT(entry.mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        kind = "unknown_type"
    if kind:
        text = f"it is {KINDS[kind]}; only regular files are read, so pack it anew without it"
        raise names.error(kind, entry.name, text)
    if not entry.is_folder and entry.mode & 0o7000:
        text = f"its mode is {entry.mode & 0o7777:o}; pack it anew without special bits"
        raise names.error("special_mode", entry.name, text)
    if entry.flags & _ENCRYPTED:
        raise names.error("encrypted", entry.name, "it is encrypted; decrypt it and pack it anew")
    if entry.method not in (STORED, DEFLATED):
        raise names.error("unknown_method", entry.name, f"its method is {entry.method}; pack it anew with deflate")
    if max(entry.packed_size, entry.offset + entry.least_size) > file_size:
        raise names.error("truncated", entry.name, "it is longer than the file; download it again")
    if entry.method == STORED and entry.packed_size != entry.size:
        raise names.error("contradiction", entry.name, "it is not compressed, and its two sizes differ")
    if entry.is_folder and entry.size:
        raise names.error("contradiction", entry.name, "a folder holds bytes; don't use this archive")
    names.safe(entry.name)


def read_local(file: Pieces, entry: Entry, names: Names) -> Local:
    """Read the record before a member's data."""
    head = file.read_at(entry.offset, _LOCAL.size + len(entry.raw_name) + _ALL_16)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise names.error("not_zip", entry.name, f"byte {entry.offset} is no record of it; download it again")
    _, _, flags, method, _, _, crc, packed_size, size, n_name, n_extra = _LOCAL.unpack_from(head)
    raw_name = head[_LOCAL.size : _LOCAL.size + n_name]
    extra = head[_LOCAL.size + n_name : _LOCAL.size + n_name + n_extra]
    fields = _extra_fields(extra, entry.name, names)
    size, packed_size = _widened((size, packed_size), fields.get(_ZIP64, b""), entry.name, names)
    return Local(raw_name, flags, method, crc, packed_size, size, entry.offset + _LOCAL.size + n_name + n_extra)


def check_local(local: Local, entry: Entry, names: Names) -> None:
    """Compare what the two records say of a member; sizes and checksum may be behind the data instead."""
    stated = (local.crc, local.packed_size, local.size)
    is_behind = local.flags & _DESCRIBED_BEHIND and set(stated) <= {0}
    same = stated == (entry.crc, entry.packed_size, entry.size) or is_behind
    if not same or (local.raw_name, local.method) != (entry.raw_name, entry.method) or local.flags & _ENCRYPTED:
        raise names.error("contradiction", entry.name, "its two records differ; don't use this archive")

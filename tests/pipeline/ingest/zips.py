"""Zips, written record by record, also as no correct writer would write them."""

import struct
import zlib
from dataclasses import dataclass, field

NAME = "VCTK/txt/p1/p1_001.txt"
ALL_32 = 0xFFFFFFFF
UNIX = 3


@dataclass
class Made:
    """A member; what is None is as it should be."""

    name: bytes = NAME.encode()
    data: bytes = b"data"
    method: int = 0
    flags: int = 0
    mode: int = 0o100644
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    offset: int | None = None
    extra: bytes = b""
    packed: bytes | None = None
    local: dict = field(default_factory=dict)
    """What the record before the data says differently."""
    behind: bytes = b""
    """After the data."""

    def payload(self):
        if self.packed is not None:
            return self.packed
        if self.method != 8:
            return self.data
        press = zlib.compressobj(9, wbits=-15)
        return press.compress(self.data) + press.flush()


def zip64(*numbers):
    """The extra field with numbers of 64 bits."""
    return struct.pack(f"<2H{len(numbers)}Q", 1, 8 * len(numbers), *numbers)


def zipped(*members, before=b"", behind=b"", comment=b"", end=None, wide=None, junk_in_directory=b""):
    """Pack members; `end` and `wide` replace numbers of the last records."""
    out, directory = bytearray(before), bytearray()
    for made in (Made(b"VCTK/README.txt"), *members):
        payload = made.payload()
        values = {
            "flags": made.flags,
            "method": made.method,
            "crc": zlib.crc32(made.data) if made.crc is None else made.crc,
            "packed_size": len(payload) if made.packed_size is None else made.packed_size,
            "size": len(made.data) if made.size is None else made.size,
            "name": made.name,
            "extra": made.extra,
        }
        offset = len(out) if made.offset is None else made.offset
        directory += _entry(values, offset, made.mode)
        out += _local({**values, **made.local}) + payload + made.behind
    start = len(out)
    directory += junk_in_directory
    numbers = {"n": len(members) + 1, "size": len(directory), "start": start, "disk": 0, **(end or {})}
    out += directory
    if wide is not None:
        out += _wide_records(len(out), {"n": len(members) + 1, "size": len(directory), "start": start, **wide})
    n = numbers["n"]
    return bytes(out) + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", numbers["disk"], numbers["disk"], n, n, numbers["size"], numbers["start"],
        len(comment),
    ) + comment + behind  # fmt: skip


def _wide_records(at, numbers):
    n = numbers["n"]
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", numbers.get("record_size", 44), 45, 45, 0, 0, n, n, numbers["size"],
        numbers["start"],
    )  # fmt: skip
    return record + struct.pack("<4sLQL", b"PK\x06\x07", 0, numbers.get("at", at), 1)


def _entry(values, offset, mode):
    name, extra = values["name"], values["extra"]
    head = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", UNIX << 8 | 20, 20, values["flags"], values["method"], 0, 0, values["crc"],
        values["packed_size"], values["size"], len(name), len(extra), 0, 0, 0, mode << 16, offset,
    )  # fmt: skip
    return head + name + extra


def _local(values):
    name, extra = values["name"], values["extra"]
    head = struct.pack(
        "<4s5H3L2H", b"PK\x03\x04", 20, values["flags"], values["method"], 0, 0, values["crc"], values["packed_size"],
        values["size"], len(name), len(extra),
    )  # fmt: skip
    return head + name + extra

"""T36: zips that mean harm or are damaged give a named error; what they hold goes nowhere."""

import hashlib
import io
import re
import stat
import struct
import subprocess
import sys
import time
import zipfile
import zlib

import numpy as np
import pytest

from pipeline.ingest.archive import read_members
from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.readers.reader import MAX_MEMBER_BYTES, Member
from tests.pipeline.ingest.zips import ALL_32, NAME, Made, zip64, zipped

NOISE = np.random.default_rng(0).bytes(300_000)
GOOD = zipped(Made())
FIRST = len(zipped()) - 22 - 46 - len(b"VCTK/README.txt")  # where the second local record begins
RECORD = 30 + len(NAME)


def deflated(data):
    press = zlib.compressobj(9, wbits=-15)
    return press.compress(data) + press.flush()


def kind_of_file(kind):
    return zipped(Made(mode=kind | 0o644))


def bomb():
    """A thousand members of 16 MiB of zeros, each of 16 kB."""
    zeros = bytes(MAX_MEMBER_BYTES)
    packed, check = deflated(zeros), zlib.crc32(zeros)
    made = [
        Made(f"VCTK/{number}.txt".encode(), b"", 8, packed=packed, size=MAX_MEMBER_BYTES, crc=check)
        for number in range(100)
    ]
    return zipped(*made)


def many():
    """Two hundred thousand empty files."""
    return zipped(*(Made(f"VCTK/{number}".encode(), b"") for number in range(200_000)), end={"n": 65_535}, wide={})


def overlapping():
    """Members that share their data, as the zip bombs of 2019 do: each is the rest of the file."""
    inner = zipped(Made())[FIRST : FIRST + RECORD + 4]
    outer = Made(b"VCTK/a.txt", inner)
    return zipped(outer, Made(offset=FIRST + 30 + len(b"VCTK/a.txt"), packed=b"", size=4, packed_size=4))


def lies_of_its_size():
    """The member grows to more than its records state."""
    return zipped(Made(data=b"d" * 4, method=8, packed=deflated(b"d" * 50_000), crc=zlib.crc32(b"dddd")))


def two_names():
    field = struct.pack("<2HBL", 0x7075, 5 + 4, 1, 0) + b"evil"
    return zipped(Made(extra=field))


HOSTILE = {
    "parent": ("outside", lambda: zipped(Made(b"VCTK/../../evil.wav"))),
    "absolute": ("outside", lambda: zipped(Made(b"/tmp/evil.wav"))),
    "drive letter": ("outside", lambda: zipped(Made(b"C:/evil.wav"))),
    "parent folder": ("outside", lambda: zipped(Made(b"../", b""), Made())),
    "symlink": ("link", lambda: kind_of_file(stat.S_IFLNK)),
    "FIFO": ("device", lambda: kind_of_file(stat.S_IFIFO)),
    "character device": ("device", lambda: kind_of_file(stat.S_IFCHR)),
    "block device": ("device", lambda: kind_of_file(stat.S_IFBLK)),
    "socket": ("unknown_type", lambda: kind_of_file(stat.S_IFSOCK)),
    "setuid": ("special_mode", lambda: zipped(Made(mode=0o104755))),
    "PATH_MAX": ("bad_name", lambda: zipped(Made(b"/".join([b"d" * 250] * 16)))),
    "long part": ("bad_name", lambda: zipped(Made(b"x" * 256 + b".wav"))),
    "backslash": ("bad_name", lambda: zipped(Made(b"VCTK\\..\\evil.wav"))),
    "NUL": ("bad_name", lambda: zipped(Made(b"x.wav\0.exe"))),
    "newline": ("bad_name", lambda: zipped(Made(b"a\nb.wav"))),
    "not UTF-8": ("bad_name", lambda: zipped(Made(b"\xff.wav"))),
    "no name": ("bad_name", lambda: zipped(Made(b""))),
    "duplicate": ("duplicate", lambda: zipped(Made(), Made())),
    "duplicate spelled otherwise": ("duplicate", lambda: zipped(Made(), Made(b"./" + NAME.encode()))),
    "case collision": ("case_collision", lambda: zipped(Made(), Made(NAME.upper().encode()))),
    "many members": ("too_many_members", many),
    "stated number of members": (
        "contradiction",
        lambda: zipped(Made(), end={"n": 65_535}, wide={"n": 90_000}),
    ),
    "bomb": ("bomb", bomb),
    "bomb by its stated size": (
        "bomb",
        lambda: zipped(Made(size=ALL_32, extra=zip64(1 << 40), method=8, packed=deflated(b"data"))),
    ),
    "more than stated": ("damaged", lies_of_its_size),
    "less than stated": ("damaged", lambda: zipped(Made(data=b"data", size=9, method=8))),
    "wrong checksum": ("damaged", lambda: zipped(Made(crc=1))),
    "damaged data": ("damaged", lambda: zipped(Made(method=8, packed=b"\xff\xff\xff\xff"))),
    "bytes behind the data": ("damaged", lambda: zipped(Made(method=8, packed=deflated(b"data") + b"more"))),
    "overlapping members": ("overlap", overlapping),
    "same place twice": ("overlap", lambda: zipped(Made(b"VCTK/a.txt"), Made(b"VCTK/b.txt", offset=FIRST))),
    "member over the directory": ("overlap", lambda: zipped(Made(packed_size=60, size=60))),
    "extra field over the next member": (
        "overlap",
        lambda: zipped(Made(local={"extra": struct.pack("<2H", 9, 60) + bytes(60)}, size=24, packed_size=24)),
    ),
    "encrypted": ("encrypted", lambda: zipped(Made(flags=1))),
    "strong encryption": ("encrypted", lambda: zipped(Made(flags=1 << 6 | 1))),
    "encrypted names": ("encrypted", lambda: zipped(Made(flags=1 << 13))),
    "bzip2 inside": ("unknown_method", lambda: zipped(Made(method=12))),
    "other name in the local record": ("contradiction", lambda: zipped(Made(local={"name": NAME[::-1].encode()}))),
    "other size in the local record": ("contradiction", lambda: zipped(Made(local={"size": 9}))),
    "other method in the local record": ("contradiction", lambda: zipped(Made(local={"method": 8}))),
    "encrypted by the local record": ("contradiction", lambda: zipped(Made(local={"flags": 1}))),
    "two names": ("contradiction", two_names),
    "stored with two sizes": ("contradiction", lambda: zipped(Made(size=3))),
    "a folder with bytes": ("contradiction", lambda: zipped(Made(b"VCTK/a/", b"data"))),
    "zip64 size is missing": ("contradiction", lambda: zipped(Made(size=ALL_32, packed_size=ALL_32))),
    "zip64 size beyond the file": (
        "truncated",
        lambda: zipped(Made(size=ALL_32, packed_size=ALL_32, extra=zip64(1 << 62, 1 << 62))),
    ),
    "zip64 size below zero": (
        "truncated",
        lambda: zipped(Made(size=ALL_32, packed_size=ALL_32, extra=zip64(2**64 - 4, 2**64 - 4))),
    ),
    "zip64 place beyond the file": (
        "truncated",
        lambda: zipped(Made(offset=ALL_32, extra=zip64(1 << 62))),
    ),
    "zip64 end and other end": ("contradiction", lambda: zipped(Made(), end={"n": 65_535}, wide={"start": 7})),
    "zip64 record elsewhere": ("not_zip", lambda: zipped(Made(), end={"n": 65_535}, wide={"at": 0})),
    "zip64 record of another size": (
        "contradiction",
        lambda: zipped(Made(), end={"n": 65_535}, wide={"record_size": 99}),
    ),
    "a piece of a split zip": ("not_zip", lambda: zipped(Made(), end={"disk": 3})),
    "local record elsewhere": ("not_zip", lambda: GOOD[:FIRST] + b"XX" + GOOD[FIRST + 2 :]),
    "directory is longer": ("contradiction", lambda: zipped(Made(), junk_in_directory=bytes(46))),
    "directory elsewhere": ("contradiction", lambda: zipped(Made(), end={"start": 1 << 30})),
    "truncated": ("truncated", lambda: GOOD[:-30]),
    "trailing garbage": ("trailing_data", lambda: GOOD + b"garbage"),
    "two ends": ("contradiction", lambda: zipped(Made(), comment=b"PK\x05\x06" + bytes(18))),
    "second zip behind the first": ("trailing_data", lambda: GOOD + GOOD),
    "wrong sha": ("wrong_hash", lambda: GOOD),
    "only a beginning": ("truncated", lambda: b"PK\x03\x04" + NOISE),
    "empty": ("not_archive", lambda: b"PK\x05\x06" + bytes(18)),
    "folders only": ("empty", lambda: _folders()),
}


def _folders():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.mkdir("VCTK")
    return out.getvalue()


MOST_S = 60
"""Seconds of a processor's time; what is not bounded takes hours."""


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_zip_is_a_named_error_and_writes_nothing(name, tmp_path):
    """Bombs, shared bytes, records that differ, cut files."""
    kind, make = HOSTILE[name]
    data = make()
    path = tmp_path / "evil-train.zip"
    path.write_bytes(data)
    sha256 = "0" * 64 if kind == "wrong_hash" else hashlib.sha256(data).hexdigest()
    start = time.process_time()
    with pytest.raises(ArchiveError) as caught:
        for _ in read_members(path, sha256):
            pass
    assert caught.value.kind == kind, str(caught.value)
    assert str(path) in str(caught.value)
    assert time.process_time() - start < MOST_S
    assert [found for found in tmp_path.rglob("*") if found.is_file()] == [path]


PEAK = """
import re, sys
from pathlib import Path
from pipeline.ingest.archive import read_members
from pipeline.ingest.archive_error import ArchiveError
try:
    for _ in read_members(Path(sys.argv[1])):
        pass
except ArchiveError as error:
    print(error.kind, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024)
"""


@pytest.mark.parametrize("name", ["bomb", "many members", "overlapping members"])
def test_hostile_zip_is_refused_in_little_memory(name, tmp_path, repository):
    """In a process of its own, so that its peak can be measured."""
    kind, make = HOSTILE[name]
    path = tmp_path / "evil.zip"
    path.write_bytes(make())
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True, timeout=300)
    found, mebibytes = done.stdout.split()
    assert found == kind
    assert float(mebibytes) < 300


FILES = {NAME: b"data", "VCTK/long.txt": b"line\n" * 1000, "VCTK/noise.wav": NOISE, "VCTK/é.txt": b"", "VCTK/0": b"0"}


def written(method=zipfile.ZIP_DEFLATED, streamed=False, force_zip64=False, comment=b""):
    """Return a zip that Python's own writer made."""
    out = io.BytesIO()
    target = io.BufferedWriter(_Pipe(out)) if streamed else out
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.comment = comment
        archive.mkdir("VCTK")
        for name, data in FILES.items():
            with archive.open(name, "w", force_zip64=force_zip64) as file:
                file.write(data)
    target.flush()
    return out.getvalue()


class _Pipe(io.RawIOBase):
    """A target that can't be rewound, so that sizes come behind the data."""

    def __init__(self, out):
        self._out = out

    def writable(self):
        return True

    def write(self, data):
        return self._out.write(data)


@pytest.mark.parametrize(
    "changes",
    [{}, {"method": zipfile.ZIP_STORED}, {"streamed": True}, {"force_zip64": True}, {"comment": b"made by hand"}],
    ids=str,
)
def test_regular_files_are_read_whatever_the_writer(changes, tmp_path):
    """Stored and deflated, with sizes behind the data, with numbers of 64 bits."""
    path = tmp_path / "good.zip"
    path.write_bytes(written(**changes))
    seen = []
    members = list(read_members(path, hashlib.sha256(path.read_bytes()).hexdigest(), seen.append))
    assert members == [Member(name, len(data), data) for name, data in FILES.items()]
    assert sum(seen) == path.stat().st_size


def test_more_members_than_16_bits_are_read(tmp_path):
    """70,000 recordings need the records of 64 bits."""
    path = tmp_path / "good.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(70_000):
            archive.writestr(f"a/{number}.txt", b"")
    assert sum(1 for _ in read_members(path)) == 70_000


@pytest.mark.parametrize("n_pieces", [2, 7, 400])
def test_pieces_are_read_as_one_and_nothing_is_joined(n_pieces, tmp_path):
    """Records and data may lie over borders."""
    data = written()
    size = -(-len(data) // n_pieces)
    pieces = []
    for number, start in enumerate(range(0, len(data), size)):
        path = tmp_path / f"good.zip.{number:03d}"
        path.write_bytes(data[start : start + size])
        pieces.append((path, hashlib.sha256(path.read_bytes()).hexdigest()))
    (first, sha256), *further = pieces
    members = list(read_members(first, sha256, further=further))
    assert members == [Member(name, len(content), content) for name, content in FILES.items()]
    assert sorted(tmp_path.iterdir()) == [path for path, _ in pieces]


def test_piece_that_is_missing_changed_or_misplaced_is_a_named_error(tmp_path):
    """The piece is named."""
    data = written()
    pieces = [tmp_path / name for name in "ab"]
    pieces[0].write_bytes(data[:1000])
    pieces[1].write_bytes(data[1000:])
    with pytest.raises(ArchiveError) as caught:
        list(read_members(pieces[0], further=[(pieces[1], "0" * 64)]))
    assert caught.value.kind == "wrong_hash"
    assert str(pieces[1]) in str(caught.value)
    with pytest.raises(ArchiveError):
        list(read_members(pieces[1], further=[(pieces[0], "")]))
    with pytest.raises(ArchiveError, match=re.escape(f"{tmp_path / 'c'} can't be read")):
        list(read_members(pieces[0], further=[(tmp_path / "c", "")]))


def test_large_table_comes_in_pieces_at_lines_and_other_large_files_are_passed_over(tmp_path):
    """A manifest of Hi-Fi TTS has more than 16 MiB."""
    line = b'{"text": "' + b"x" * 500 + b'"}\n'
    table = b"head\n" + line * (1 + MAX_MEMBER_BYTES // len(line))
    path = tmp_path / "good.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/long.wav", bytes(MAX_MEMBER_BYTES + 1))
        archive.writestr("a/table.json", table)
    long, *pieces = read_members(path)
    assert long == Member("a/long.wav", MAX_MEMBER_BYTES + 1, None)
    assert b"".join(piece.data for piece in pieces) == table
    assert all(piece.data.endswith(b"\n") and len(piece.data) < 3 << 20 for piece in pieces)
    assert [piece.head for piece in pieces] == [None, *[b"head\n"] * (len(pieces) - 1)]

"""Counts the frames of an MP3 file: without a table of them, libsndfile guesses its length from the first frame."""

import struct
from dataclasses import dataclass

from peewee_model.errors import AudioError

_KBITS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
"""Bit rates of layer III in kbit/s, of MPEG 1 (3) and MPEG 2 (2)."""
_RATES = (44_100, 48_000, 32_000)
_TABLES = (b"Xing", b"Info", b"VBRI")
_BIT_RATE_OF_TABLE = 8
_MAX_JUNK = 1 << 16
"""Bytes before the first frame, beside tags of ID3."""


@dataclass(frozen=True)
class _Frame:
    size: int
    """Bytes, header included."""
    n_samples: int
    sample_rate: int
    side_size: int
    """Bytes between the header and the data, in which a table begins."""


def with_table(content: bytes, name: str) -> bytes:
    """Give an MP3 file a table that states its number of frames, if it has none.

    Args:
        content: A file; one that is no MP3 of layer III is returned as it is.
        name: Of the recording, in an error.

    Raises:
        AudioError: ``truncated`` if its last frame is not whole, or there are fewer than its table states.
    """
    start = _first_frame(content)
    if start is None:
        return content
    first = _frame(content, start)
    assert first is not None
    n_frames, end, cut = _count(content, start)
    stated = _stated(content, start, first)
    seconds = first.n_samples / first.sample_rate
    n_sound = n_frames - (stated is not None)
    if stated is not None and 0 < n_sound < stated - 1:
        raise AudioError(
            "truncated",
            f"{name} is cut off: the file holds {n_sound * seconds:.2f} s of the {stated * seconds:.2f} s that its "
            "header states; copy it again, or export what is there anew",
        )
    if cut:
        raise AudioError(
            "truncated",
            f"{name} is cut off: the file ends within a frame, after {n_sound * seconds:.2f} s; copy it again, or "
            "export what is there anew",
        )
    return content if stated is not None else content[:start] + _table(content, start, n_frames) + content[start:end]


def _first_frame(content: bytes) -> int | None:
    """Find two frames in a row, behind tags."""
    at = 0
    while content[at : at + 3] == b"ID3" and len(content) >= at + 10:
        size = 0
        for byte in content[at + 6 : at + 10]:
            size = size << 7 | byte & 0x7F
        at += 10 + size + (10 if content[at + 5] & 0x10 else 0)
    if not at and content[:1] != b"\xff":
        return None  # no file of another kind begins so, and to look for frames in all of them is slow
    for start in range(at, min(at + _MAX_JUNK, len(content) - 4)):
        if content[start] == 0xFF and (frame := _frame(content, start)) and _frame(content, start + frame.size):
            return start
    return None


def _frame(content: bytes, at: int) -> _Frame | None:
    """Read the header of a frame of layer III whose bit rate is stated. Source: ISO/IEC 11172-3, 2.4.1.3."""
    if at + 4 > len(content):
        return None
    sync, second, third, fourth = content[at : at + 4]
    version, layer, bits, rate = second >> 3 & 3, second >> 1 & 3, third >> 4, third >> 2 & 3
    if sync != 0xFF or second < 0xE0 or version == 1 or layer != 1 or bits in (0, 15) or rate == 3:
        return None
    mpeg1 = version == 3
    sample_rate = _RATES[rate] >> (0 if mpeg1 else 1 if version == 2 else 2)
    kbits = _KBITS[3 if mpeg1 else 2][bits]
    n_samples = 1152 if mpeg1 else 576
    mono = fourth >> 6 == 3
    side = (17 if mono else 32) if mpeg1 else (9 if mono else 17)
    return _Frame(n_samples // 8 * 1000 * kbits // sample_rate + (third >> 1 & 1), n_samples, sample_rate, side)


def _count(content: bytes, at: int) -> tuple[int, int, bool]:
    """Count frames from a place on: their number, where they end, and whether another one begins and is cut."""
    n_frames = 0
    while frame := _frame(content, at):
        if at + frame.size > len(content):
            return n_frames, at, True
        n_frames += 1
        at += frame.size
    return n_frames, at, 0 < len(content) - at < 4 and content[at] == 0xFF


def _stated(content: bytes, start: int, first: _Frame) -> int | None:
    """Number of frames by the table in the first frame; None without a table, 0 if it does not say."""
    at = start + 4 + first.side_size
    if content[at : at + 4] in _TABLES[:2]:
        flags, stated = struct.unpack(">II", content[at + 4 : at + 12])
        return stated if flags & 1 else 0
    at = start + 4 + 32
    return struct.unpack(">I", content[at + 14 : at + 18])[0] if content[at : at + 4] == _TABLES[2] else None


def _table(content: bytes, start: int, n_frames: int) -> bytes:
    """Make a first frame that holds a table alone."""
    second, third, fourth = content[start + 1 : start + 4]
    header = bytes((0xFF, second | 1, _BIT_RATE_OF_TABLE << 4 | third & 0x0C, fourth))
    frame = _frame(header, 0)
    assert frame is not None
    return (header + bytes(frame.side_size) + b"Xing" + struct.pack(">II", 1, n_frames)).ljust(frame.size, b"\0")

"""Looks whether a file of sound is whole, by the sizes that it states itself: libsndfile reads half a file in silence.

A stream is whole without sizes. Its recorder could not go back to write them. WAV then has 0 or the largest number
in their place, and MP3 has no table of its frames. Such a file receives its true sizes here.
"""

import struct
from collections.abc import Iterator

from peewee_model.errors import AudioError
from peewee_model.recordings.mp3 import with_table

_STREAMED = (range(1), range(0x7FFF_0000, 0x8000_0001), range(0xFFFF_0000, 0x1_0000_0000))
"""Sizes that programs write who do not know them yet; nothing as long is read here."""
_STREAMED_WIDE = (0, 2**63 - 1, 2**64 - 1)
_OPUS_RATE = 48_000


def whole(content: bytes, name: str) -> bytes:
    """Check a file's own sizes.

    Args:
        content: The file, of any kind; those that state no sizes are returned as they are.
        name: Of the recording, in an error.

    Returns:
        The file, with its sizes written in if it was streamed.

    Raises:
        AudioError: ``truncated``, with the seconds that are there and those that are stated, where they are known.
    """
    if content[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
        return _whole_riff(content, name)
    if content[:4] == b"OggS":
        _check_ogg(content, name)
        return content
    return with_table(content, name)


def _whole_riff(content: bytes, name: str) -> bytes:
    order = ">" if content[:4] in (b"RIFX", b"FORM") else "<"
    if len(content) < 12:
        raise _cut(name)
    stated = struct.unpack(f"{order}I", content[4:8])[0]
    wide, bytes_per_s = None, 0
    for kind, start, size in _chunks(content, order):
        if kind == b"ds64" and start + 16 <= len(content):
            stated, wide = struct.unpack("<QQ", content[start : start + 16])
        elif kind == b"fmt " and start + 12 <= len(content):
            bytes_per_s = struct.unpack(f"{order}I", content[start + 8 : start + 12])[0]
        elif kind in (b"data", b"SSND"):
            size = wide if wide is not None and size == 0xFFFFFFFF else size
            there = len(content) - start
            if kind == b"data" and _is_streamed(content, start, size, order):
                return _with_sizes(content, start, order)
            # The file may hold more than it states: tags are often appended. The chunk may lack its padding byte.
            lied = stated + 8 > len(content) + 1 or start + size > stated + 8
            if size > there or (lied and not (kind == b"data" and _unknown(stated))):
                raise _cut(name, there / bytes_per_s, size / bytes_per_s) if bytes_per_s else _cut(name)
            return content if not lied else _with_riff_size(content, order)
    raise _cut(name)


def _chunks(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= len(content):
        kind, size = struct.unpack(f"{order}4sI", content[position : position + 8])
        yield kind, position + 8, size
        position += 8 + size + size % 2


def _unknown(size: int) -> bool:
    return size in _STREAMED_WIDE or any(size in sizes for sizes in _STREAMED)


def _is_streamed(content: bytes, start: int, size: int, order: str) -> bool:
    """Whether the size of a data chunk was never written; a chunk that is truly empty is followed by others."""
    if not _unknown(size) or start + size + size % 2 == len(content):
        return False
    if size == 0:
        end = max((at + n for _, at, n in _chunks(content[:12] + content[start:], order)), default=0)
        return abs(12 + len(content) - start - end) > 1
    return size > len(content) - start


def _with_riff_size(content: bytes, order: str) -> bytes:
    return content[:4] + struct.pack(f"{order}I", len(content) - 8) + content[8:]


def _with_sizes(content: bytes, start: int, order: str) -> bytes:
    """Write the sizes of a data chunk that ends with the file, and take those of 64 bits out."""
    head = bytearray(content[:start])
    head[start - 4 : start] = struct.pack(f"{order}I", len(content) - start)
    head[4:8] = struct.pack(f"{order}I", len(content) - 8)
    if head[:4] == b"RF64":
        head[:4] = b"RIFF"
        if head[12:16] == b"ds64":
            head[12:16] = b"JUNK"
    return bytes(head) + content[start:]


def _check_ogg(content: bytes, name: str) -> None:
    """Look for the last page, which says that it is the last. Source: RFC 3533, section 6."""
    at, granule, last = 0, 0, False
    while content[at : at + 4] == b"OggS" and at + 27 <= len(content):
        flags, position, n_segments = content[at + 5], content[at + 6 : at + 14], content[at + 26]
        end = at + 27 + n_segments + sum(content[at + 27 : at + 27 + n_segments])
        if end > len(content) or at + 27 + n_segments > len(content):
            last = False
            break
        last = bool(flags & 4)
        granule = max(granule, int.from_bytes(position, "little", signed=True))
        at = end
    if not last:
        rate = _ogg_rate(content)
        raise _cut(name, granule / rate) if rate else _cut(name)


def _ogg_rate(content: bytes) -> int:
    """Positions in a second, or 0."""
    first = content[27 + content[26] :] if len(content) > 26 else b""
    if first.startswith(b"OpusHead"):
        return _OPUS_RATE
    return struct.unpack("<I", first[12:16])[0] if first[:7] == b"\x01vorbis" and len(first) >= 16 else 0


def _cut(name: str, there_s: float | None = None, stated_s: float | None = None) -> AudioError:
    if there_s is None:
        found = "the header's sizes and the file's differ"
    elif stated_s is None:
        found = f"the file ends after {there_s:.2f} s, without the page that ends an Ogg stream"
    else:
        found = f"the file holds {there_s:.2f} s of the {stated_s:.2f} s that its header states"
    return AudioError("truncated", f"{name} is cut off: {found}; copy it again, or export what is there anew")

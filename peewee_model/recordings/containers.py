"""Reads what libsndfile does not: MP4 (m4a), WebM, AAC, streamed FLAC. FFmpeg decodes them, by the optional PyAV.

FFmpeg reads a file that is cut off up to the cut. So the parts of the file, which state their sizes, are compared with
what is there first.
"""

import io
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from peewee_model.audio.clip import Clip
from peewee_model.errors import AudioError
from peewee_model.recordings.reading import MAX_CHANNELS, MAX_VALUES, clip_of

EXTRA = "m4a"
"""The extra of this package that installs PyAV."""

_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML = b"\x1a\x45\xdf\xa3"
_ENTERED = (b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75")
"""A segment of Matroska, and a cluster: a live recorder states no size of them, so what they hold is looked at."""
_SLACK_S = 0.25
"""A stated length may be that much longer: encoders pad."""


def kind_of(content: bytes) -> str | None:
    """Name the container, as an error does; None if the file is of another kind."""
    if content[4:8] in _MP4_BOXES:
        return "MP4 (m4a)"
    if content[:4] == _EBML:
        return "WebM"
    if (
        content[:5] in (b"fLaC\0", b"fLaC\x80")
        and len(content) > 26
        and not (content[21] & 0x0F or any(content[22:26]))
    ):
        return "FLAC without a length"
    return "AAC" if len(content) > 7 and content[0] == 0xFF and content[1] & 0xF6 == 0xF0 else None


def read_container(content: bytes, name: str, *, max_duration_s: float) -> Clip:
    """Decode the first sound track, averaging its channels.

    Args:
        content: The file.
        name: Of the recording, in an error.
        max_duration_s: Longer ones are refused.

    Raises:
        AudioError: ``unreadable`` where PyAV is not installed; else as `read_clip`.
    """
    kind = kind_of(content)
    try:
        import av
    except ImportError:
        raise AudioError(
            "unreadable",
            f"{name} is {kind}, which needs PyAV; install it with `pip install 'peewee-tts[{EXTRA}]'`, or convert the "
            "recording to WAV or FLAC",
        ) from None
    end = _stated_end(content)
    if end > len(content):
        message = f"{name} is cut off: the file has {len(content)} bytes of the {end} or more that it states"
        raise AudioError("truncated", f"{message}; copy it again")
    try:
        with av.open(io.BytesIO(content), metadata_errors="ignore") as container:
            samples, sample_rate, stated_s = _decode(container, name, max_duration_s)
    except av.error.FFmpegError as error:
        message = f"{name} is {kind} that can't be decoded: {error.strerror}; convert it to WAV or FLAC"
        raise AudioError("unreadable", message) from None
    found_s = len(samples) / sample_rate
    if found_s < stated_s - _SLACK_S:
        message = f"{name} is cut off: the file holds {found_s:.2f} s of the {stated_s:.2f} s that its header states"
        raise AudioError("truncated", f"{message}; copy it again, or export what is there anew")
    return clip_of(samples, sample_rate, name, max_duration_s=max_duration_s)


def _decode(container: Any, name: str, max_duration_s: float) -> tuple[Any, int, float]:
    """Return samples (S, C), their rate, and the seconds that the container states, or 0."""
    import av

    if not container.streams.audio:
        raise AudioError("unreadable", f"{name} has no sound track; give a recording of a voice")
    stream = container.streams.audio[0]
    stated = stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base
    pieces, n_values, rate, resampler = [], 0, 0, None
    for frame in container.decode(stream):
        if resampler is None:
            rate = frame.sample_rate
            if frame.layout.nb_channels > MAX_CHANNELS:
                message = f"{name} has {frame.layout.nb_channels} channels; at most {MAX_CHANNELS} are averaged"
                raise AudioError("too_many_channels", message)
            resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=rate)
        pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
        n_values += pieces[-1].size if pieces else 0
        if n_values > MAX_VALUES or n_values > max_duration_s * rate * MAX_CHANNELS:
            raise AudioError("too_long", f"{name} is longer than {max_duration_s:g} s; cut it")
    if not pieces:
        raise AudioError("empty", f"{name} has no samples; record it again")
    return np.concatenate(pieces, axis=1).T, rate, float(stated)


def _stated_end(content: bytes) -> int:
    """Where the last of the file's parts ends, by its own size."""
    if content[:4] == _EBML:
        return max(_matroska_ends(content), default=0)
    if content[:4] == b"fLaC":
        return 0
    return max(_mp4_ends(content) if content[4:8] in _MP4_BOXES else _aac_ends(content), default=0)


def _mp4_ends(content: bytes) -> Iterator[int]:
    """Where each box ends. Source: ISO/IEC 14496-12, 4.2."""
    at = 0
    while at + 8 <= len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        if size == 1 and at + 16 <= len(content):
            (size,) = struct.unpack(">Q", content[at + 8 : at + 16])
        at = at + size if size >= 8 else len(content)  # 0: the last one, as long as the file
        yield at


def _matroska_ends(content: bytes) -> Iterator[int]:
    """Where each element ends. Source: RFC 8794, section 4."""
    at = 0
    while at + 2 <= len(content) and content[at]:
        n_id = 9 - content[at].bit_length()
        first = content[at + n_id] if at + n_id < len(content) else 0
        n_size = 9 - first.bit_length()
        data = at + n_id + n_size
        size = int.from_bytes(content[at + n_id : data], "big") & (1 << 7 * n_size) - 1
        unknown = size == (1 << 7 * n_size) - 1
        if not unknown:
            yield data + size
        at = data if unknown or content[at : at + n_id] in _ENTERED else data + size


def _aac_ends(content: bytes) -> Iterator[int]:
    """Where each ADTS frame ends. Source: ISO/IEC 13818-7, 6.2."""
    at = 0
    while at + 7 <= len(content) and content[at] == 0xFF and content[at + 1] & 0xF6 == 0xF0:
        size = (content[at + 3] & 3) << 11 | content[at + 4] << 3 | content[at + 5] >> 5
        at += max(size, 7)
        yield at

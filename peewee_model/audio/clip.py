"""Recordings: reads and checks them, resamples and trims them.

libsndfile accepts files that must not pass: a WAV cut in half, wrong sizes, NaN, a thousand channels. This module
checks for them. It checks the sizes before it decodes a sample.
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from peewee_model.errors import AudioError

if TYPE_CHECKING:
    import soundfile

Float32Array = npt.NDArray[np.float32]

REASONS = {
    "unreadable": "not a file of sound, or of a kind that is not read here",
    "truncated": "the sizes in the header and the file's own differ, or decoding ends early",
    "empty": "no bytes, or no samples",
    "too_many_channels": "more channels than a recording of a voice has",
    "too_long": "longer than the caller's limit, or than memory allows; known from the header, before decoding",
    "too_short": "too few samples to hold a sound, or shorter than the caller's limit",
    "wrong_rate": "a sample rate no recorder has, or below the caller's limit",
    "non_finite": "NaN or infinity among the samples",
    "out_of_range": "amplitudes far beyond full scale",
    "clipped": "a good part of the samples is flat at full scale",
    "dc_offset": "the mean is so far from zero that the voice had no room",
    "cancelled": "channels are in antiphase: their average is nearly nothing",
    "silent": "no sound above -80 dB of full scale",
}
"""Every reason code of an AudioError about a recording, with an explanation."""

FORMATS = frozenset({"WAV", "WAVEX", "RF64", "AIFF", "FLAC", "OGG", "MP3"})
"""The formats that are read. The content decides, not the file's name."""

MAX_CHANNELS = 8
MAX_VALUES = 200_000_000  # samples x channels, and samples alone: 800 MB of float32
MAX_BYTES = 2**31
SAMPLE_RATES = range(1_000, 384_001)
MIN_DURATION_S = 0.01
MAX_PEAK = 2.0  # lossy codecs overshoot 1.0 by a fifth; 16-bit numbers stored as floats by thousands
SILENT_PEAK = 1e-4
CANCELLED_RATIO = 0.1
CLIPPED_FRACTION = 0.01
REMOVED_DC = 0.01  # above -40 dB of full scale an offset would pass for sound when silence is trimmed
UNUSABLE_DC = 0.25

_READ_FRAMES = 1 << 16
_TRIM_HOP = 512  # librosa.effects.trim's, as is the frame of four hops


@dataclass(frozen=True)
class Clip:
    """A recording of one voice."""

    samples: Float32Array
    """Mono, full scale is 1. (S,)"""
    sample_rate: int
    """Hz."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate


def read_clip(source: Path | bytes, *, max_duration_s: float = 3600) -> Clip:
    """Read a recording, averaging its channels; an offset of the mean is removed.

    Args:
        source: A file, or its content.
        max_duration_s: Longer ones are refused before they are decoded.

    Raises:
        AudioError: With one of `REASONS`.
    """
    import soundfile

    name = str(source) if isinstance(source, Path) else "the recording"
    content = _content(source, name)
    _check_sizes(content, name)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _check_header(file, name, max_duration_s)
            samples = _decode(file, name, max_duration_s)
            clip = Clip(samples, int(file.samplerate))
    except soundfile.LibsndfileError as error:
        message = f"{name} can't be decoded: {error.error_string}; convert it to WAV or FLAC"
        raise AudioError("unreadable", message) from None
    return _check_samples(clip, name)


def decode_flac(data: bytes) -> Clip:
    """Decode what `encode_flac` made: for audio that passed `read_clip` once, in half of its time.

    Raises:
        AudioError: ``unreadable`` if it is damaged or not mono.
    """
    import soundfile

    try:
        samples, sample_rate = soundfile.read(io.BytesIO(data), dtype="float32")
    except soundfile.LibsndfileError as error:
        message = f"FLAC can't be decoded: {error.error_string}; restore the table that holds it"
        raise AudioError("unreadable", message) from None
    if samples.ndim != 1 or len(samples) == 0:
        raise AudioError("unreadable", f"FLAC of shape {samples.shape} where one channel is expected")
    return Clip(samples, int(sample_rate))


def resample(samples: Float32Array, from_rate: int, to_rate: int) -> Float32Array:
    """Change the rate by soxr at high quality; the same array if the rates are equal. (S,) -> (S',)."""
    import soxr

    if from_rate == to_rate:
        return samples
    resampled: Float32Array = soxr.resample(samples, from_rate, to_rate, quality="HQ")
    return resampled


def quantize(samples: Float32Array) -> npt.NDArray[np.int16]:
    """Round to 16 bits, clipping at full scale; exact for samples that came from 16 bits. (S,)."""
    if not np.isfinite(samples).all():
        raise AudioError("non_finite", "NaN or infinity among the samples to be written; nothing was written")
    return np.clip(np.round(samples * np.float32(32768)), -32768, 32767).astype(np.int16)


def encode_flac(samples: Float32Array, sample_rate: int) -> bytes:
    """Encode one channel as FLAC of 16 bits. (S,)."""
    import soundfile

    buffer = io.BytesIO()
    soundfile.write(buffer, quantize(samples), sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def trim_silence(
    samples: Float32Array, sample_rate: int, *, top_db: float, margin_s: float
) -> tuple[Float32Array, float]:
    """Cut silence off both edges, by the rule of ``librosa.effects.trim``, but for a margin.

    Args:
        samples: A recording. (S,)
        sample_rate: Hz.
        top_db: Frames this far below the loudest are silence.
        margin_s: Seconds of the silence that are left on each side, where there are as many.

    Returns:
        The rest, and how many seconds were cut off.

    Raises:
        AudioError: ``silent`` if nothing rises above -80 dB of full scale.
    """
    if samples.size == 0 or float(np.abs(samples).max()) < SILENT_PEAK:
        raise AudioError("silent", "the recording has no sound above -80 dB of full scale; record it again")
    n_frames = 1 + len(samples) // _TRIM_HOP
    padded = np.zeros((n_frames + 3) * _TRIM_HOP, dtype=np.float32)  # two hops before, what is left over behind
    padded[2 * _TRIM_HOP : 2 * _TRIM_HOP + len(samples)] = samples
    hops = np.square(padded.reshape(-1, _TRIM_HOP), dtype=np.float64).sum(axis=1)
    power = (hops[:-3] + hops[1:-2] + hops[2:-1] + hops[3:]) / (4 * _TRIM_HOP)
    decibel = 10 * np.log10(np.maximum(power, 1e-10) / max(float(power.max()), 1e-10))
    loud = np.flatnonzero(decibel > -top_db)
    margin = round(margin_s * sample_rate)
    start = max(0, int(loud[0]) * _TRIM_HOP - margin)
    end = min(len(samples), (int(loud[-1]) + 1) * _TRIM_HOP + margin)
    return samples[start:end], (len(samples) - (end - start)) / sample_rate


def _content(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, Path):
        if not source.is_file():
            raise AudioError("unreadable", f"{name} is not a file; check the path")
        if source.stat().st_size > MAX_BYTES:
            raise AudioError("too_long", f"{name} has more than {MAX_BYTES} bytes; cut it")
        try:
            source = source.read_bytes()
        except OSError as error:
            raise AudioError("unreadable", f"{name} can't be read: {error.strerror}; check its permissions") from None
    if not source:
        raise AudioError("empty", f"{name} has no bytes; copy it again")
    return source


def _check_sizes(content: bytes, name: str) -> None:
    """Compare the sizes that a RIFF or AIFF file states with what is there; libsndfile does not."""
    order = {b"RIFF": "<", b"RF64": "<", b"RIFX": ">", b"FORM": ">"}.get(content[:4])
    if order is None:
        return
    lied = AudioError("truncated", f"{name}: the header's sizes and the file's differ; copy it again")
    if len(content) < 12:
        raise lied
    stated = struct.unpack(f"{order}I", content[4:8])[0]
    wide = None
    for kind, start, size in _chunks(content, order):
        if kind == b"ds64" and size >= 16:
            stated, wide = struct.unpack("<QQ", content[start : start + 16])
        elif kind in (b"data", b"SSND"):
            size = wide if wide is not None and size == 0xFFFFFFFF else size
            # A data chunk of size 0 with bytes behind it comes from a recorder that was stopped before it wrote the
            # length.
            if size == 0 and len(content) > start + 1:
                raise lied
            # The file may hold more than it states (tags are often appended), the chunk may lack its padding byte.
            if start + size > len(content) or start + size > stated + 8 or stated + 8 > len(content) + 1:
                raise lied
            return
    raise lied


def _chunks(content: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    position = 12
    while position + 8 <= len(content):
        kind, size = struct.unpack(f"{order}4sI", content[position : position + 8])
        yield kind, position + 8, size
        position += 8 + size + size % 2


def _check_header(file: "soundfile.SoundFile", name: str, max_duration_s: float) -> None:
    n_frames, n_channels, sample_rate = int(file.frames), int(file.channels), int(file.samplerate)
    if file.format not in FORMATS:
        raise AudioError("unreadable", f"{name} is {file.format}, not one of {', '.join(sorted(FORMATS))}; convert it")
    if n_channels > MAX_CHANNELS:
        raise AudioError("too_many_channels", f"{name} has {n_channels} channels; at most {MAX_CHANNELS} are averaged")
    if sample_rate not in SAMPLE_RATES:
        raise AudioError("wrong_rate", f"{name} states {sample_rate} Hz; rates of 1,000 to 384,000 Hz are read")
    if n_frames <= 0:
        raise AudioError("empty", f"{name} has no samples; record it again")
    if n_frames > max_duration_s * sample_rate or n_frames * n_channels > MAX_VALUES:
        raise AudioError(
            "too_long",
            f"{name} has {n_frames} samples in {n_channels} channels at {sample_rate} Hz; at most {max_duration_s:g} s "
            f"and {MAX_VALUES} values are read, so cut it",
        )
    if n_frames < MIN_DURATION_S * sample_rate:
        raise AudioError("too_short", f"{name} has {n_frames} samples, less than {MIN_DURATION_S:g} s; record more")


def _decode(file: "soundfile.SoundFile", name: str, max_duration_s: float) -> Float32Array:
    import soundfile

    samples = np.empty(int(file.frames), dtype=np.float32)
    filled, channel_power, mono_power = 0, np.zeros(file.channels), 0.0
    while filled < len(samples):
        try:
            block = file.read(min(_READ_FRAMES, len(samples) - filled), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            message = f"{name} can't be decoded to its end: {error.error_string}; copy it again"
            raise AudioError("truncated", message) from None
        if len(block) == 0:
            raise AudioError("truncated", f"{name} states {len(samples)} samples and holds {filled}; copy it again")
        mono = block[:, 0] if file.channels == 1 else block.mean(axis=1, dtype=np.float32)
        if file.channels > 1:
            with np.errstate(all="ignore"):  # a value that is not finite is found below
                channel_power += np.square(block, dtype=np.float64).sum(axis=0)
                mono_power += float(np.square(mono, dtype=np.float64).sum())
        samples[filled : filled + len(block)] = mono
        filled += len(block)
    if mono_power < CANCELLED_RATIO**2 * float(channel_power.max()):
        raise AudioError("cancelled", f"{name}: its channels cancel when averaged; invert one or keep only one")
    return samples


def _check_samples(clip: Clip, name: str) -> Clip:
    samples = clip.samples
    if not np.isfinite(samples).all():
        raise AudioError("non_finite", f"{name} holds NaN or infinity; export it again")
    size = np.abs(samples)
    peak = float(size.max())
    if peak > MAX_PEAK:
        raise AudioError("out_of_range", f"{name} reaches {peak:.3g} where full scale is 1; scale it")
    mean = float(samples.mean(dtype=np.float64))
    if abs(mean) > UNUSABLE_DC:
        raise AudioError("dc_offset", f"{name} has a mean of {mean:.2f} where full scale is 1; repair the recording")
    # Equal neighbours at the top: a pure tone at full scale, which only touches it, is not clipped.
    flat = np.count_nonzero((size[1:] >= 0.99) & (samples[1:] == samples[:-1]))
    if flat > CLIPPED_FRACTION * len(samples):
        raise AudioError("clipped", f"{name}: {flat / len(samples):.0%} of it is clipped; record with less gain")
    if abs(mean) > REMOVED_DC:
        samples = samples - np.float32(mean)
    if float(np.abs(samples).max()) < SILENT_PEAK:
        raise AudioError("silent", f"{name} has no sound above -80 dB of full scale; record it again")
    return Clip(samples, clip.sample_rate)

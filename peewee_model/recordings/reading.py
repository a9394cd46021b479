"""Reads recordings: decodes files of sound, and refuses what is no usable recording with a reason.

libsndfile accepts files that must not pass: cut in half, of wrong sizes, NaN, a thousand channels. This module checks
for them. It checks the sizes before it decodes a sample.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import SILENT_PEAK, Clip
from peewee_model.errors import AudioError
from peewee_model.recordings.whole import whole

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
    "no_speech": "a reference that is noise, music, clicks or a tone",
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
CANCELLED_RATIO = 0.1
CLIPPED_FRACTION = 0.01
REMOVED_DC = 0.01  # above -40 dB of full scale an offset would pass for sound when silence is trimmed
UNUSABLE_DC = 0.25

_READ_FRAMES = 1 << 16
_UNKNOWN = 2**63 - 1  # libsndfile's length of a FLAC that was streamed


def read_clip(source: Path | bytes, *, max_duration_s: float = 3600, name: str = "the recording") -> Clip:
    """Read a recording, averaging its channels; an offset of the mean is removed.

    Args:
        source: A file, or its content.
        max_duration_s: Longer ones are refused before they are decoded.
        name: Of the recording in an error, if it has no path.

    Raises:
        AudioError: With one of `REASONS`.
    """
    import soundfile

    name = str(source) if isinstance(source, Path) else name
    content = whole(_content(source, name), name)
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            _check_header(file, name, max_duration_s)
            samples = _decode(file, name)
            clip = Clip(samples, int(file.samplerate))
    except soundfile.LibsndfileError as error:
        message = f"{name} can't be decoded: {error.error_string}; convert it to WAV or FLAC"
        raise AudioError("unreadable", message) from None
    return _check_samples(clip, name)


def clip_of(samples: Float32Array, sample_rate: int, name: str, *, max_duration_s: float = 3600) -> Clip:
    """Make a recording of decoded samples, checked and averaged as a file's are.

    Args:
        samples: Channels last. (S, C)
        sample_rate: Hz.
        name: Of the recording, in an error.
        max_duration_s: Longer ones are refused.

    Raises:
        AudioError: With one of `REASONS`.
    """
    _check_numbers(len(samples), samples.shape[1], sample_rate, name, max_duration_s)
    with np.errstate(all="ignore"):  # a value that is not finite is found below
        mono = samples.mean(axis=1, dtype=np.float32)
        power = [float(np.square(one, dtype=np.float64).sum()) for one in (mono, *samples.T)]
    if samples.shape[1] > 1:
        _check_cancelled(power[0], max(power[1:]), name)
    return _check_samples(Clip(mono, sample_rate), name)


def _content(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, Path):
        try:
            if source.is_dir():
                raise AudioError("unreadable", f"{name} is a folder; name the recordings in it")
            if not source.is_file():
                raise AudioError("unreadable", f"{name} is not a file; check the path")
            if source.stat().st_size > MAX_BYTES:
                raise AudioError("too_long", f"{name} has more than {MAX_BYTES} bytes; cut it")
            source = source.read_bytes()
        except OSError as error:
            raise AudioError("unreadable", f"{name} can't be read: {error.strerror}; check its permissions") from None
    if not source:
        raise AudioError("empty", f"{name} has no bytes; copy it again")
    return source


def _check_header(file: "soundfile.SoundFile", name: str, max_duration_s: float) -> None:
    if file.format not in FORMATS:
        raise AudioError("unreadable", f"{name} is {file.format}, not one of {', '.join(sorted(FORMATS))}; convert it")
    _check_numbers(int(file.frames), int(file.channels), int(file.samplerate), name, max_duration_s)


def _check_numbers(n_frames: int, n_channels: int, sample_rate: int, name: str, max_duration_s: float) -> None:
    if n_channels > MAX_CHANNELS:
        raise AudioError("too_many_channels", f"{name} has {n_channels} channels; at most {MAX_CHANNELS} are averaged")
    if sample_rate not in SAMPLE_RATES:
        raise AudioError("wrong_rate", f"{name} states {sample_rate} Hz; rates of 1,000 to 384,000 Hz are read")
    if n_frames == _UNKNOWN:
        message = f"{name} was streamed, and its header states no length; convert it to WAV, or to FLAC as a file"
        raise AudioError("unreadable", message)
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


def _decode(file: "soundfile.SoundFile", name: str) -> Float32Array:
    import soundfile

    samples = np.empty(int(file.frames), dtype=np.float32)
    filled, channel_power, mono_power = 0, np.zeros(file.channels), 0.0
    while filled < len(samples):
        try:
            block = file.read(min(_READ_FRAMES, len(samples) - filled), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise _ended(name, filled, file, f" ({error.error_string.strip()})") from None
        if len(block) == 0:
            raise _ended(name, filled, file)
        mono = block[:, 0] if file.channels == 1 else block.mean(axis=1, dtype=np.float32)
        if file.channels > 1:
            with np.errstate(all="ignore"):  # a value that is not finite is found below
                channel_power += np.square(block, dtype=np.float64).sum(axis=0)
                mono_power += float(np.square(mono, dtype=np.float64).sum())
        samples[filled : filled + len(block)] = mono
        filled += len(block)
    _check_cancelled(mono_power, float(channel_power.max()), name)
    return samples


def _ended(name: str, n_read: int, file: "soundfile.SoundFile", why: str = "") -> AudioError:
    there_s, stated_s = n_read / file.samplerate, file.frames / file.samplerate
    return AudioError(
        "truncated",
        f"{name} can be decoded for {there_s:.2f} s of the {stated_s:.2f} s that its header states{why}; copy it again",
    )


def _check_cancelled(mono_power: float, loudest_channels: float, name: str) -> None:
    if mono_power < CANCELLED_RATIO**2 * loudest_channels:
        raise AudioError("cancelled", f"{name}: its channels cancel when averaged; invert one or keep only one")


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

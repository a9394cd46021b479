"""Recordings in memory: resamples and trims them, packs them as FLAC and unpacks them."""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peewee_model.errors import AudioError

Float32Array = npt.NDArray[np.float32]

SILENT_PEAK = 1e-4  # -80 dB of full scale

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


def decode_flac(data: bytes) -> Clip:
    """Decode what `encode_flac` made: for audio that passed `recordings.reading.read_clip` once, in half of its time.

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

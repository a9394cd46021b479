"""Log-mel spectrograms: one definition for training data, models and references.

The numbers are librosa's, in a third of its time and with the same bits whatever the number of threads or the BLAS
kernel: float32 transforms by pocketfft, magnitudes by multiply, add and square root, which round alike everywhere, a
sparse filter bank, each band a plain loop, in place of a matrix product, and a logarithm in float64 that is cast once.
The error of float32 is 2e-7 of a spectrogram's loudest value; in the quietest band of the loudest frame it is 2e-5
of the value there.
"""

import logging
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from peewee_model.errors import AudioError, ShapeError

# Transformed at a time: the spectra stay in the processor's cache, and memory is flat for long recordings.
_BLOCK_SAMPLES = 96 * 1024

# Slaney's scale.
_HZ_PER_MEL = 200.0 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = _BREAK_HZ / _HZ_PER_MEL
_LOG_STEP = np.log(6.4) / 27.0

logger = logging.getLogger(__name__)

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]


class MelConfig(BaseModel):
    """How a log-mel spectrogram is made. params.yaml defines it once; the data and the models carry a copy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sample_rate: int = Field(gt=0)
    """Hz. Audio of another rate is resampled first."""
    n_fft: int = Field(gt=0)
    """Samples in a transform."""
    win_length: int = Field(gt=0)
    """Samples under the Hann window, centred in the transform."""
    hop_length: int = Field(gt=0)
    """Samples between frames."""
    n_mels: int = Field(gt=0)
    """Bands."""
    f_min: float = Field(ge=0)
    """Hz, lower edge of the first band."""
    f_max: float = Field(gt=0)
    """Hz, upper edge of the last band."""
    log_floor: float = Field(gt=0)
    """Magnitudes below this are raised to it before the natural log."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.n_fft % 2:
            raise ValueError(f"n_fft is {self.n_fft}; make it even")
        if self.win_length > self.n_fft:
            raise ValueError(f"win_length is {self.win_length} but n_fft is {self.n_fft}; a window fits its transform")
        if not self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"f_min {self.f_min:g} and f_max {self.f_max:g} Hz must rise and end at or below half of sample_rate "
                f"{self.sample_rate}"
            )
        return self


class SpeakerMelConfig(MelConfig):
    """How a recording is prepared for the speaker encoder (`mel.speaker`); the encoder's release carries it."""

    loudness_lufs: float | None
    """The recording's mean is taken off, and it is brought to this loudness first: a quiet recording is the same voice.
    LUFS. None for neither, as in releases before 2026-12."""

    @staticmethod
    def in_present_form(mel: Mapping[str, Any]) -> dict[str, Any]:
        """Say of an older release's settings what they do not: it takes recordings as they are."""
        return {"loudness_lufs": None, **mel}


def mel_frequencies(n_bands: int, f_min: float, f_max: float) -> Float64Array:
    """Divide a range of frequencies evenly on Slaney's mel scale. (n_bands,) in Hz

    Args:
        n_bands: How many frequencies, both ends included.
        f_min: The first, in Hz.
        f_max: The last, in Hz.

    Source:
        Slaney 1998, Auditory Toolbox: linear below 1 kHz, logarithmic above.
    """
    mels = np.linspace(_mel_of(f_min), _mel_of(f_max), n_bands)
    frequencies = _HZ_PER_MEL * mels
    above = mels >= _BREAK_MEL
    frequencies[above] = _BREAK_HZ * np.exp(_LOG_STEP * (mels[above] - _BREAK_MEL))
    return frequencies


def _mel_of(frequency: float) -> float:
    if frequency < _BREAK_HZ:
        return frequency / _HZ_PER_MEL
    return float(_BREAK_MEL + np.log(frequency / _BREAK_HZ) / _LOG_STEP)


@lru_cache(maxsize=16)
def mel_filter_bank(config: MelConfig) -> Float32Array:
    """Make the triangular filters, read-only: Slaney's mel scale, each of area 1. (M, n_fft // 2 + 1)

    The values are those of ``librosa.filters.mel``, bit by bit. librosa itself is not used: it imports numba, which can
    start only where it can write a cache.
    """
    edges = mel_frequencies(config.n_mels + 2, config.f_min, config.f_max)
    distances = np.subtract.outer(edges, np.fft.rfftfreq(config.n_fft, 1.0 / config.sample_rate))
    widths = np.diff(edges)[:, np.newaxis]
    rising, falling = -distances[:-2] / widths[:-1], distances[2:] / widths[1:]
    bank: Float32Array = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    bank *= (2.0 / (edges[2:] - edges[:-2]))[:, np.newaxis]
    if not bank.any(axis=1).all():
        logger.warning(
            "n_mels=%d n_fft=%d: some bands lie between two bins of the transform and stay silent; raise n_fft or "
            "lower n_mels",
            config.n_mels,
            config.n_fft,
        )
    bank.setflags(write=False)
    return bank


@lru_cache(maxsize=16)
def hann_window(config: MelConfig) -> Float32Array:
    """Make the periodic Hann window, centred between zeros, read-only. (n_fft,)."""
    window = np.zeros(config.n_fft, dtype=np.float32)
    start = (config.n_fft - config.win_length) // 2
    phase = 2 * np.pi * np.arange(config.win_length) / config.win_length
    window[start : start + config.win_length] = 0.5 - 0.5 * np.cos(phase)
    window.setflags(write=False)
    return window


@lru_cache(maxsize=16)
def _sparse_filter_bank(config: MelConfig) -> tuple[Any, slice]:
    """Return the filters without the bins that are zero in all of them, and a slice of the bins that remain."""
    from scipy.sparse import csr_array

    bank = mel_filter_bank(config)
    used = np.flatnonzero(bank.any(axis=0))
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return csr_array(bank[:, bins]), bins


def log_mel(samples: Float32Array, config: MelConfig) -> Float32Array:
    """Compute the natural log of mel bands of the magnitude spectrum.

    Frames are centred; the edges are padded with zeros.

    Args:
        samples: At ``config.sample_rate``. (S,)
        config: Which spectrum.

    Returns:
        ``log(max(mel, log_floor))``; T = 1 + S // hop_length. (M, T)

    Raises:
        ShapeError: If there is more than one channel.
        AudioError: If the samples are empty or not finite.
    """
    if samples.ndim != 1:
        raise ShapeError(f"expected one channel of samples (S,), got shape {samples.shape}; average the channels")
    if samples.size == 0:
        raise AudioError("empty", "there are no samples to make a mel of; check the recording")
    from scipy.fft import rfft

    bank, bins = _sparse_filter_bank(config)
    window = hann_window(config)
    padded = np.zeros(len(samples) + config.n_fft, dtype=np.float32)
    padded[config.n_fft // 2 : config.n_fft // 2 + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, config.n_fft)[:: config.hop_length]
    mel = np.empty((config.n_mels, len(frames)), dtype=np.float32)
    n_block = max(1, _BLOCK_SAMPLES // config.n_fft)
    for start in range(0, len(frames), n_block):
        spectrum = rfft(frames[start : start + n_block] * window, axis=1)[:, bins]
        power = np.square(spectrum.real.T, order="C")  # frames x bins -> bins x frames, as the bank takes it
        power += np.square(spectrum.imag.T, order="C")
        mel[:, start : start + n_block] = bank @ np.sqrt(power, out=power)
    np.maximum(mel, np.float32(config.log_floor), out=mel)
    np.log(mel, out=mel, dtype=np.float64, casting="same_kind")  # numpy's float32 log differs between processors
    if not np.isfinite(mel.sum()):  # one value that is not finite spoils the sum
        raise AudioError("non_finite", "the samples hold NaN, infinity or amplitudes without measure; check the source")
    return mel

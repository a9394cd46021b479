"""Measures a recording: how much speech, how noisy, how wide its band, and whether it is speech at all.

Whether it is speech is decided by nine simple measures, each of which lies in a known range for speech.
One that is out of its range proves nothing; tones, music, hum, noise and clicks are out of several. The ranges hold
about 99 % of 600 recordings of 180 people, children too, clean, with white noise at 20 dB, and at 8 kHz.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]

RATE = 16_000
"""Hz, of the samples that are measured."""
_SIZE, _HOP = 1024, 512
_BAND_BINS = 16
_BAND_HZ = _BAND_BINS * RATE / _SIZE
_LAGS = slice(16, 123)
"""At 8 kHz: pitches of 65 to 500 Hz."""
_PERIODIC = 0.6
_ACTIVE_DB = 30.0
"""Frames at most so far below the loud ones are sound, not a pause."""
_QUIET_SHARE = 0.1
_QUIET_BIAS = 0.73
"""The quietest tenth of a band's smoothed powers, where there is only noise: a part of the noise's mean."""
_BAND_DEPTH_DB = 55.0
_BAND_RISE_DB = 8.0
_TINY = 1e-10

SPEECH_RANGES = {
    "voiced": (0.22, 0.95),
    "glide": (0.20, 1.0),
    "pitch_spread": (0.03, 0.65),
    "level_spread": (5.0, 99.0),
    "shape_spread": (4.8, 11.5),
    "period_spread": (0.10, 0.38),
    "tilt_range": (12.0, 50.0),
    "flatness": (-36.0, -2.9),
    "flatness_spread": (3.9, 11.5),
}
"""What each field of `Nature` is for speech, least and most."""
WEIGHTS = {"glide": 2, "level_spread": 2}
"""Of a measure that is out of its range; the others have 1. Music's pitch moves by steps, and it seldom pauses."""
NO_SPEECH = 3
"""A recording whose weights reach this is no speech."""


class Nature(NamedTuple):
    """What tells speech from other sounds, over the frames that are not pauses."""

    voiced: float
    """Share of frames with a pitch of 65 to 500 Hz."""
    glide: float
    """Share of steps between voiced frames (32 ms) by which the pitch moves 1 to 12 %: neither held nor jumping."""
    pitch_spread: float
    """Standard deviation of the natural log of the pitch."""
    level_spread: float
    """Standard deviation of the level, pauses included, in dB."""
    shape_spread: float
    """Standard deviation of the levels of bands relative to each other, in dB."""
    period_spread: float
    """Standard deviation of the autocorrelation at the pitch, which is 1 for a periodic sound."""
    tilt_range: float
    """From the 10th to the 90th percentile of the level at 1.5 to 3.6 kHz relative to that below 1 kHz, in dB."""
    flatness: float
    """Median of the spectral flatness below 4 kHz, in dB; 0 for a click."""
    flatness_spread: float
    """Standard deviation of the flatness, in dB."""

    def odd(self) -> list[str]:
        """Name the measures that are out of the range of speech."""
        return [
            name for name, (least, most) in SPEECH_RANGES.items() if not least <= getattr(self, name) <= most
        ]  # NaN is out of every range

    @property
    def is_speech(self) -> bool:
        """Whether few enough measures are odd."""
        return sum(WEIGHTS.get(name, 1) for name in self.odd()) < NO_SPEECH


@dataclass(frozen=True)
class Measures:
    """What one recording is."""

    speech_s: float
    """Seconds that are not pauses."""
    snr_db: float
    """Speech over noise, in dB."""
    bandwidth_hz: float
    """Up to which frequency there is speech, at most 8,000."""
    nature: Nature


def measure(samples: Float32Array) -> Measures:
    """Measure a recording.

    Args:
        samples: One channel at `RATE`, of any level. (S,)

    Returns:
        Figures; those of `Nature` need a second of sound to be worth something.
    """
    power = _spectrogram(samples / max(float(np.abs(samples).max()), _TINY))
    level = _db(power[:, 4:].sum(axis=1))
    loud = float(np.sort(level)[-max(1, len(level) // 20)])
    bands = power[:, : _SIZE // 2].reshape(len(power), -1, _BAND_BINS).sum(axis=2)
    snr_db, above_noise = _signal_to_noise(bands, level, loud)
    active = level > loud - _ACTIVE_DB
    spoken = active & (above_noise > min(3.0, snr_db / 2))
    return Measures(
        speech_s=float(spoken.sum()) * _HOP / RATE,
        snr_db=snr_db,
        bandwidth_hz=_bandwidth(bands),
        nature=_nature(power, level, loud, active),
    )


def _spectrogram(samples: Float32Array) -> Float32Array:
    """Power of frames of 64 ms, half overlapping. (S,) -> (T, 513)"""
    from scipy.fft import rfft

    n_frames = max(1, -(-(len(samples) - _SIZE) // _HOP) + 1)
    padded = np.zeros((n_frames - 1) * _HOP + _SIZE, dtype=np.float32)
    padded[: len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SIZE)[::_HOP]
    power = np.empty((n_frames, _SIZE // 2 + 1), dtype=np.float32)
    for at in range(0, n_frames, 128):  # in the processor's cache
        spectrum = rfft(frames[at : at + 128] * _window(), axis=1)
        power[at : at + 128] = np.square(spectrum.real) + np.square(spectrum.imag)
    return power


def _signal_to_noise(bands: Float32Array, level: Float32Array, loud: float) -> tuple[float, Float64Array]:
    """Estimate the noise of each band by its quiet moments.

    Returns:
        Speech over noise in the frames that are not pauses, and each frame over the noise, in dB. (T,)
    """
    used = bands[:, :31].astype(np.float64)  # what lies near 8 kHz, a resampler took away
    smooth = used.copy()
    smooth[1:-1] = (used[:-2] + used[1:-1] + used[2:]) / 3
    quiet = np.sort(smooth, axis=0)[int(_QUIET_SHARE * len(smooth))]
    noise = float(quiet.sum()) / _QUIET_BIAS + _TINY
    frames = used.sum(axis=1)
    speech = float(frames[level > loud - _ACTIVE_DB].mean())
    snr = 10 * np.log10(max(speech - noise, _TINY) / noise)
    return float(np.clip(snr, -10.0, 60.0)), 10 * np.log10(np.maximum(frames, _TINY) / noise)


def _bandwidth(bands: Float32Array) -> float:
    """Find the highest band that speech reaches: it is loud enough at times, and rises far above its quiet moments."""
    ordered = np.sort(bands, axis=0)
    high, low = _db(ordered[int(0.97 * len(bands))]), _db(ordered[int(_QUIET_SHARE * len(bands))])
    reached = np.flatnonzero((high > high.max() - _BAND_DEPTH_DB) & (high - low > _BAND_RISE_DB))
    return float((reached[-1] + 1) * _BAND_HZ) if reached.size else 0.0


def _nature(power: Float32Array, level: Float32Array, loud: float, active: npt.NDArray[np.bool_]) -> Nature:
    sound = power[active]
    periodic, pitch = _pitch(power)
    voiced = active & (periodic > _PERIODIC)
    pitch = np.log(pitch)
    steps = np.abs(np.diff(pitch))[voiced[1:] & voiced[:-1]]
    tilt = _db(sound[:, 96:231].sum(axis=1)) - _db(sound[:, 7:64].sum(axis=1))
    ends = np.percentile(tilt, [10, 90])
    shape = _db(np.add.reduceat(sound, _octave_thirds(), axis=1)[:, :-1])
    shape -= shape.mean(axis=1, keepdims=True)
    middle = sound[:, 7:256] + np.float32(_TINY)
    flatness = 10 * (np.log10(middle).mean(axis=1) - np.log10(middle.mean(axis=1)))
    return Nature(
        voiced=float(voiced.sum() / max(1, active.sum())),
        glide=float(((steps > 0.01) & (steps < 0.12)).mean()) if steps.size > 2 else 0.0,
        pitch_spread=float(np.std(pitch[voiced])) if voiced.any() else 0.0,
        level_spread=float(np.std(np.maximum(level, loud - 40))),
        shape_spread=float(np.sqrt(shape.var(axis=0).mean())),
        period_spread=float(periodic[active].std()),
        tilt_range=float(ends[1] - ends[0]),
        flatness=float(np.median(flatness)),
        flatness_spread=float(flatness.std()),
    )


def _pitch(power: Float32Array) -> tuple[Float32Array, Float64Array]:
    """Autocorrelation at the pitch, and the pitch in Hz, of each frame. (T, F) -> (T,) and (T,)"""
    from scipy.fft import irfft

    low = power[:, :257].copy()
    low[:, :4] = 0
    found = irfft(low, n=512, axis=1)
    found = found[:, _LAGS] / ((found[:, :1] + np.float32(_TINY)) * _window_correlation()[_LAGS])
    lag = found.argmax(axis=1)
    return np.take_along_axis(found, lag[:, None], axis=1)[:, 0], RATE / 2 / (lag + _LAGS.start)


@lru_cache(maxsize=1)
def _window() -> Float32Array:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_SIZE) / _SIZE)).astype(np.float32)


@lru_cache(maxsize=1)
def _window_correlation() -> Float32Array:
    """The window's own autocorrelation at half of the rate, 1 at no lag. (S / 2,)"""
    half = _window()[::2].astype(np.float64)
    whole = np.correlate(half, half, "full")[len(half) - 1 :]
    return np.asarray(whole / whole[0], dtype=np.float32)


@lru_cache(maxsize=1)
def _octave_thirds() -> npt.NDArray[np.int64]:
    """First bins of twelve bands from 100 Hz to 4 kHz, and of the rest."""
    return np.ceil(np.geomspace(100, 4000, 13) * _SIZE / RATE).astype(np.int64)


def _db(power: Float32Array) -> Float32Array:
    found: Float32Array = 10 * np.log10(power + np.float32(_TINY))
    return found

"""Finds the mark of synthetic speech in a recording."""

from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from peewee_model.audio.clip import Float32Array, resample
from peewee_model.errors import AudioError
from peewee_model.marking.mark import EDGES, FRAME_S, FRAMES, N_BANDS, pattern, window

RATE = 16_000
"""Hz, at which a recording is looked at."""
SHORTEST_S = 1.0
FALSE_ALARMS = 1e-5
"""The share of unmarked recordings that are taken for marked, if scores without a mark are normally distributed."""

_WINDOW = 8 * FRAMES
"""Frames that are looked at together: 8.2 s. A recording that was cut is still marked on both sides of the cut."""
_N_DECOYS = 64
_BLOCK = 4096
"""Frames that are transformed at once."""
_FLOOR_DB = 70.0
_TIME_SPAN, _BAND_SPAN = 9, 7
_MOST_DB = 4.0

_Float64Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Detection:
    """What was found."""

    score: float
    """How well the recording follows the mark, in standard deviations of patterns of other keys; the best window's."""
    threshold: float
    """A score above it is a mark."""
    start_s: float
    """Where the best window starts, in seconds."""
    end_s: float
    """Where it ends."""

    @property
    def marked(self) -> bool:
        """Whether the recording has the mark."""
        return self.score > self.threshold


def detect(samples: Float32Array, rate: int, key: str) -> Detection:
    """Look for the mark.

    Args:
        samples: One channel. (S,)
        rate: Hz.
        key: Of the mark.

    Raises:
        AudioError: ``too_short`` if the recording is shorter than `SHORTEST_S`.
    """
    if len(samples) < SHORTEST_S * rate:
        raise AudioError(
            "too_short", f"the recording has {len(samples) / rate:.2f} s, and the mark needs {SHORTEST_S:g} s of speech"
        )
    cells = _whitened(resample(samples, rate, RATE))
    starts = range(0, max(1, len(cells) - _WINDOW // 2), _WINDOW // 2)
    scores = [_score(cells[start : start + _WINDOW], key) for start in starts]
    best = int(np.argmax(scores))
    start_s = starts[best] * FRAME_S
    end_s = min(start_s + _WINDOW * FRAME_S, len(samples) / rate)
    return Detection(scores[best], _threshold(len(scores)), round(start_s, 2), round(end_s, 2))


def _threshold(n_windows: int) -> float:
    """The score that all offsets of all windows together exceed by chance as rarely as `FALSE_ALARMS` says."""
    return -NormalDist().inv_cdf(FALSE_ALARMS / (n_windows * FRAMES))


def _score(cells: _Float64Array, key: str) -> float:
    """Compare a window with the pattern at each offset, and with those of other keys. (T, N_BANDS)."""
    n_missing = -len(cells) % FRAMES
    folded = np.pad(cells, ((0, n_missing), (0, 0))).reshape(-1, FRAMES, N_BANDS).sum(axis=0)
    spectrum = np.fft.rfft(folded, axis=0)
    found = np.fft.irfft((spectrum * _spectra(key)).sum(axis=-1), n=FRAMES, axis=-1)
    spread = float(found[1:].std())
    return float(found[0].max()) / spread if spread > 0 else 0.0


@lru_cache(maxsize=4)
def _spectra(key: str) -> npt.NDArray[np.complex128]:
    """Of the key's pattern, and of the decoys' behind it, conjugate. (1 + decoys, FRAMES / 2 + 1, N_BANDS)."""
    signs = np.stack([pattern(key), *(pattern(f"{key}\0decoy {number}") for number in range(_N_DECOYS))])
    sharpened = signs - uniform_filter1d(signs, _BAND_SPAN, axis=2, mode="nearest")
    return np.asarray(np.fft.rfft(sharpened, axis=1).conj())


def _whitened(samples: Float32Array) -> _Float64Array:
    """The level of each cell beside its neighbours, in dB, limited to `_MOST_DB`; 0 where nothing sounds. (T, N_BANDS).

    Speech varies much more than the mark, but slowly over time and over frequency.
    """
    levels = _levels(samples)
    floor = levels.max(axis=0) - _FLOOR_DB
    sounds = (levels > floor).astype(np.float64)
    levels = np.maximum(levels, floor)
    for span, axis in ((_BAND_SPAN, 1), (_TIME_SPAN, 0)):
        share = uniform_filter1d(sounds, span, axis=axis, mode="constant")
        mean = uniform_filter1d(levels * sounds, span, axis=axis, mode="constant") / np.maximum(share, 0.1 / span)
        levels = levels - mean
    return np.asarray(_MOST_DB * np.tanh(levels / _MOST_DB) * sounds)


def _levels(samples: Float32Array) -> _Float64Array:
    """The level of each band in each frame, in dB. (S,) -> (T, N_BANDS)."""
    shape = window(RATE)
    hop = len(shape) // 2
    padded = np.pad(samples, (hop, hop + -len(samples) % hop))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 2 * hop)[::hop]
    bins = np.searchsorted(np.fft.rfftfreq(2 * hop, 1 / RATE), EDGES)
    powers = []
    for start in range(0, len(frames), _BLOCK):  # so that an hour does not fill the memory
        power = np.abs(np.fft.rfft(frames[start : start + _BLOCK] * shape)) ** 2
        powers.append(np.add.reduceat(power, bins, axis=1)[:, :N_BANDS])
    return np.asarray(10 * np.log10(np.concatenate(powers) + 1e-12))

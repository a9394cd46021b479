"""Marks speech as synthetic, in its samples, while it streams."""

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array
from peewee_model.marking.pattern import EDGES, FRAMES, N_BANDS, pattern, window

STRENGTH_DB = 1.75
"""By so much a cell is louder or quieter than it was."""


class Marker:
    """Marks one speech, a piece at a time; how it is cut into pieces changes no sample.

    Args:
        rate: Of the samples, in Hz.
        key: Who looks for the mark needs the same.
    """

    def __init__(self, rate: int, key: str) -> None:
        self._window = window(rate)
        self._hop = len(self._window) // 2
        self._gains = _gains(rate, len(self._window), key)
        self._frame = 0
        self._left = np.zeros(self._hop, dtype=np.float32)  # what lies before the first sample
        self._sum = np.zeros(self._hop)
        self._skipped = self._hop

    def add(self, samples: Float32Array) -> Float32Array:
        """Mark the next samples. Up to 32 ms of them come with the next call. (S,) -> (S',)."""
        samples = np.concatenate([self._left, samples])
        n_frames = len(samples) // self._hop - 1
        if n_frames < 1:
            self._left = samples
            return np.zeros(0, dtype=np.float32)
        self._left = samples[n_frames * self._hop :]
        frames = np.lib.stride_tricks.sliding_window_view(samples, 2 * self._hop)[:: self._hop][:n_frames]
        gains = self._gains[(self._frame + np.arange(n_frames)) % FRAMES]
        self._frame += n_frames
        shaped = np.fft.irfft(np.fft.rfft(frames * self._window) * gains) * self._window
        first, second = shaped[:, : self._hop], shaped[:, self._hop :]
        whole = (first + np.concatenate([self._sum[np.newaxis], second[:-1]])).reshape(-1)
        self._sum = second[-1]
        skipped = min(self._skipped, len(whole))
        self._skipped -= skipped
        marked: Float32Array = whole[skipped:].astype(np.float32)
        return marked

    def end(self) -> Float32Array:
        """Return the rest: as many samples in all as were added. (S,)."""
        n_left = len(self._left) - self._skipped
        rest = self.add(np.zeros(2 * self._hop, dtype=np.float32))
        return rest[:n_left]


def mark(samples: Float32Array, rate: int, key: str) -> Float32Array:
    """Mark a whole speech. (S,) -> (S,)."""
    marker = Marker(rate, key)
    return np.concatenate([marker.add(samples), marker.end()])


def _gains(rate: int, n_samples: int, key: str) -> npt.NDArray[np.float64]:
    """What each bin of a frame is multiplied by. (FRAMES, bins)."""
    hertz = np.fft.rfftfreq(n_samples, 1 / rate)
    place = np.interp(hertz, (EDGES[1:] + EDGES[:-1]) / 2, np.arange(N_BANDS))
    below = np.minimum(place.astype(int), N_BANDS - 2)
    signs = pattern(key)
    between = signs[:, below] * (1 - (place - below)) + signs[:, below + 1] * (place - below)
    between[:, (hertz < EDGES[0]) | (hertz > EDGES[-1])] = 0
    return np.asarray(10 ** (STRENGTH_DB / 20 * between))

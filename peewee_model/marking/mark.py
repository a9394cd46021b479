"""Marks speech as synthetic, in its samples, while it streams.

A mark is spread spectrum in the logarithm of the spectrum (Kirovski and Malvar, "Spread-spectrum watermarking of audio
signals", IEEE Trans. Signal Processing 51(4), 2003): a key chooses a sign for each cell of 32 ms and one of 36 bands,
and the pattern repeats each 1.024 s. Each band has as many cells of each sign, so that no band gets louder.
"""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array

STRENGTH_DB = 1.75
"""By so much a cell is louder or quieter than it was."""
FRAME_S = 0.016
"""From frame to frame; a frame's window is twice as long."""
FRAMES = 64
"""Frames until the pattern repeats."""
_CELL = 2
"""Frames of a cell."""
_LOWEST, _HIGHEST = 200.0, 7000.0
"""Hz. Codecs of speech and a rate of 16 kHz keep what lies between."""
N_BANDS = 36


def _edges() -> npt.NDArray[np.float64]:
    """Equal steps of mel (O'Shaughnessy's). (N_BANDS + 1,)."""
    low, high = (np.log1p(hertz / 700) for hertz in (_LOWEST, _HIGHEST))
    return np.asarray(700 * np.expm1(np.linspace(low, high, N_BANDS + 1)))


EDGES = _edges()
"""Of the bands, in Hz. (N_BANDS + 1,)"""


@lru_cache(maxsize=4)
def pattern(key: str) -> Float32Array:
    """Return the signs that a key chooses, -1 or 1. (FRAMES, N_BANDS).

    They are of SHA-256 alone, so that every machine and every version of numpy has the same.
    """
    n_cells = FRAMES // _CELL
    draws = [
        hashlib.sha256(f"{key}\0{band}\0{cell}".encode()).digest() for cell in range(n_cells) for band in range(N_BANDS)
    ]
    places = np.array([int.from_bytes(draw[:8], "big") for draw in draws], dtype=np.uint64).reshape(n_cells, N_BANDS)
    ranks = places.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    signs = np.where(ranks < n_cells // 2, np.float32(1), np.float32(-1))
    return np.repeat(signs, _CELL, axis=0)


def window(rate: int) -> npt.NDArray[np.float64]:
    """Return the window of a frame: its square and that of the next frame add up to 1. (2 hops,)."""
    n_samples = 2 * round(rate * FRAME_S)
    return np.asarray(np.sin(np.pi * (np.arange(n_samples) + 0.5) / n_samples))


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

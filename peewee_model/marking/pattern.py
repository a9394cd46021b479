"""The pattern of the mark: which cells of time and frequency are made louder, and which quieter.

A mark is spread spectrum in the logarithm of the spectrum (Kirovski and Malvar, "Spread-spectrum watermarking of audio
signals", IEEE Trans. Signal Processing 51(4), 2003): a key chooses a sign for each cell of 32 ms and one of 36 bands,
and the pattern repeats each 1.024 s. Each band has as many cells of each sign, so that no band gets louder.
"""

import hashlib
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array

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

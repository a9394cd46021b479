"""Rows of different lengths (frames of mels, tokens, embeddings) behind one memory map.

Training needs random access and Parquet gives row groups, so a split is streamed once, at the start, into one
nameless scratch file. The page cache then decides what stays in memory: the process holds only the offsets.
"""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SCRATCH = Path(".scratch")


class Ragged:
    """Arrays (n_i, width) of one dtype, read as views of a memory map."""

    def __init__(self, arrays: Iterable[NDArray[np.generic]], dtype: type[np.generic], width: int) -> None:
        """Stream the arrays, each (n_i, width), into a scratch file that vanishes with the process."""
        SCRATCH.mkdir(exist_ok=True)
        lengths = []
        with tempfile.TemporaryFile(dir=SCRATCH) as file:
            for array in arrays:
                lengths.append(len(array))
                file.write(np.ascontiguousarray(array, dtype=dtype).tobytes())
            file.flush()
            self.lengths: NDArray[np.int64] = np.array(lengths, dtype=np.int64)
            self._starts = np.concatenate([[0], np.cumsum(self.lengths)])
            shape = (int(self._starts[-1]), width)
            self._rows = np.memmap(file, dtype=dtype, mode="r", shape=shape) if shape[0] else np.empty(shape, dtype)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> NDArray[np.generic]:
        """Row `index`. (n_index, width), a view"""
        return self._rows[self._starts[index] : self._starts[index + 1]]

    def statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each column over all rows, in one streamed pass. (width,), (width,)"""
        width = self._rows.shape[1]
        total, squares = np.zeros(width), np.zeros(width)
        for index in range(len(self)):
            values = self[index].astype(np.float64)
            total += values.sum(axis=0)
            squares += (values**2).sum(axis=0)
        mean = total / self._starts[-1]
        deviation = np.sqrt(np.maximum(squares / self._starts[-1] - mean**2, 0))
        return mean.astype(np.float32), deviation.astype(np.float32)

"""Rows of different lengths (frames of mels, tokens, embeddings) in a file of their own.

Training needs random access, but Parquet has row groups. So a split is streamed once, at the start, into a scratch file
without a name. To get a row is then one read, directly into the caller's array; the page cache holds recent pages. It
is not a memory map, because the pages of one count as the process's memory, which then seems to grow with the corpus.
The process uses 16 bytes of memory a row.
"""

import os
import tempfile
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.errors import PeeweeError

SCRATCH = Path(".scratch")


class ScratchError(PeeweeError):
    """The scratch file does not contain the bytes that were written to it."""


class Ragged:
    """Arrays (n_i, width) of one dtype; each is read when it is asked for, by any thread."""

    def __init__(self, arrays: Iterable[NDArray[np.generic]], dtype: type[np.generic], width: int) -> None:
        """Stream the arrays, each (n_i, width), into a scratch file that is removed when the process ends."""
        SCRATCH.mkdir(exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=SCRATCH)  # noqa: SIM115 - read for as long as this object lives
        self._dtype, self.width = np.dtype(dtype), width
        self._n_rows = array("q")
        self._frozen: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        for values in arrays:
            self.append(values)

    def append(self, values: NDArray[np.generic]) -> None:
        """Add a row at the end. (n, width)

        Raises:
            ValueError: If it is not that wide.
        """
        if values.shape[1:] != (self.width,):
            raise ValueError(f"a row of shape {values.shape} is not (n, {self.width})")
        self._frozen = None
        self._n_rows.append(len(values))
        self._file.write(np.ascontiguousarray(values, dtype=self._dtype).tobytes())

    def _lengths_and_starts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._frozen is None:
            self._file.flush()
            lengths = np.array(self._n_rows, dtype=np.int64)
            self._frozen = lengths, np.concatenate([[0], np.cumsum(lengths)])
        return self._frozen

    @property
    def lengths(self) -> NDArray[np.int64]:
        """How long each row is. (N,)"""
        return self._lengths_and_starts()[0]

    def __len__(self) -> int:
        return len(self._n_rows)

    def __getitem__(self, index: int) -> NDArray[Any]:
        """Return a copy of row `index`. (n_index, width)"""
        row = np.empty((self._n_rows[index], self.width), dtype=self._dtype)
        self.read_into(index, row)
        return row

    def read_into(self, index: int, target: NDArray[Any]) -> None:
        """Read the beginning of row `index`.

        Args:
            index: Which row, not negative.
            target: The array to fill, contiguous and of the same dtype. (n, width)

        Raises:
            ScratchError: If the file ends before.
        """
        if target.dtype != self._dtype or target.shape[1:] != (self.width,) or len(target) > self._n_rows[index]:
            raise ValueError(f"{target.dtype} {target.shape} does not fit row {index}: {self._n_rows[index]} rows")
        starts = self._lengths_and_starts()[1]
        if not target.size:
            return
        wanted = memoryview(target).cast("B")  # type: ignore[arg-type]
        offset = int(starts[index]) * self.width * self._dtype.itemsize
        done = 0
        while done < len(wanted):  # a read may end early
            n_read = os.preadv(self._file.fileno(), [wanted[done:]], offset + done)
            if not n_read:
                raise ScratchError(
                    f"the scratch file in {SCRATCH.absolute()} ends at byte {offset + done}, within row {index}: was "
                    "it cut, or is the disk failing? Start the training again, it resumes"
                )
            done += n_read

    def statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each column over all rows, in one streamed pass. (width,), (width,)"""
        total, squares = np.zeros(self.width), np.zeros(self.width)
        for index in range(len(self)):
            values = self[index].astype(np.float64)
            total += values.sum(axis=0)
            squares += (values**2).sum(axis=0)
        n_rows = self.lengths.sum()
        mean = total / n_rows
        deviation = np.sqrt(np.maximum(squares / n_rows - mean**2, 0))
        return mean.astype(np.float32), deviation.astype(np.float32)

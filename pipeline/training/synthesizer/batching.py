"""Chooses the utterances of batch k by (seed, k) alone, so that a resumed run has the same batches."""

import numpy as np
from numpy.typing import NDArray


class LengthBuckets:
    """Batches of utterances of like length under a budget of frames, every utterance once an epoch.

    The budget counts padded frames (the longest item times the number of items), because memory and time depend on
    them. So one long utterance can't make a batch that is too large.
    """

    def __init__(self, lengths: NDArray[np.int64], frame_budget: int, seed: int) -> None:
        """`lengths` in frames. (N,)"""
        self._lengths = lengths
        self._budget = frame_budget
        self._seed = seed
        self._epoch = -1
        self._first = 0
        self._batches: list[NDArray[np.int64]] = []

    def batch(self, index: int) -> NDArray[np.int64]:
        """Name the utterances of batch `index`, longest first. (B,)"""
        if index < self._first:
            self._epoch, self._first, self._batches = -1, 0, []
        while index >= self._first + len(self._batches):
            self._first += len(self._batches)
            self._epoch += 1
            self._batches = self._make_epoch(self._epoch)
        return self._batches[index - self._first]

    def _make_epoch(self, epoch: int) -> list[NDArray[np.int64]]:
        random = np.random.default_rng((self._seed, epoch))
        # Lengths are changed by up to a tenth before sorting, so that neighbours change from epoch to epoch, with
        # little padding.
        order = np.argsort(-self._lengths * random.uniform(0.95, 1.05, len(self._lengths)), kind="stable")
        batches: list[list[int]] = [[]]
        longest = 0
        for item in order.tolist():
            longest = max(longest, int(self._lengths[item]))
            if batches[-1] and longest * (len(batches[-1]) + 1) > self._budget:
                batches.append([])
                longest = int(self._lengths[item])
            batches[-1].append(item)
        return [np.array(batches[i]) for i in random.permutation(len(batches))]

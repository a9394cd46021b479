"""A moving average of a module's weights, which is measured and released in place of where the last steps left them."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

_START = 10
"""After n steps the average reaches back n / 9 of them at most: the first weights are soon out of it."""


class WeightAverage:
    """Follows a module's weights step by step.

    Source:
        Polyak and Juditsky 1992; the exponential form and its start as TensorFlow's ExponentialMovingAverage has them.

    Args:
        module: Followed, as it is now the first average.
        decay: Part of itself that the average keeps at each step.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._module, self._decay = module, decay
        self.module = copy.deepcopy(module).requires_grad_(False)
        """Holds the average, for checkpoints."""

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights as they are after a step, counted from 0."""
        decay = min(self._decay, (1 + step) / (_START + step))
        for average, weight in zip(self.module.parameters(), self._module.parameters(), strict=True):
            average.lerp_(weight, 1 - decay)
        for kept, buffer in zip(self.module.buffers(), self._module.buffers(), strict=True):
            kept.copy_(buffer)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the module have the average for its weights."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, weight in zip(self.module.parameters(), self._module.parameters(), strict=True):
            kept = weight.clone()
            weight.copy_(average)  # the values and not their places, which a CUDA graph may hold
            average.copy_(kept)

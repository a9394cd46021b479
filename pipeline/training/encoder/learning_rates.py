"""The step size during a training. It depends on the step alone, so that a resumed run has the same."""

import math
from typing import Literal

from pydantic import Field

from pipeline.params.params import Section


class LearningRate(Section):
    """`encoder.training.learning_rate`."""

    peak: float = Field(gt=0)
    """Step size, after the warm-up and before any decay. GE2E's paper has 0.01, for SGD."""
    warmup_steps: int = Field(ge=0)
    """It grows from near 0 to `peak` over this many steps; 0 for none."""
    decay: Literal["none", "halving", "cosine"]
    """After the warm-up: constant, halved every `halve_every` steps (GE2E's paper), or a half cosine down to
    `final`."""
    halve_every: int = Field(ge=1)
    """Steps; read with `halving` alone. The paper has 30 million."""
    final: float = Field(ge=0)
    """Step size at the last step; read with `cosine` alone."""

    def at(self, step: int, n_steps: int) -> float:
        """Step size of a step, counted from 0, of a training of `n_steps`."""
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        match self.decay:
            case "halving":
                return float(self.peak * 0.5 ** (step // self.halve_every))
            case "cosine":
                along = (step - self.warmup_steps) / max(1, n_steps - 1 - self.warmup_steps)
                return self.final + (self.peak - self.final) * 0.5 * (1 + math.cos(math.pi * min(1.0, along)))
            case _:
                return self.peak

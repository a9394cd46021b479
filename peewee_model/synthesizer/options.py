"""Options of single networks. The caller passes them on without knowing which network it is.

A network ignores an option that it has no use for.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Generator, Tensor


class ForwardOptions(NamedTuple):
    """Options of predictions for known recordings. It is a tuple because wrappers for devices can map over it."""

    generator: Generator | None = None
    """Tacotron 2: generator of the prenet's dropout. Without one, evaluation mode has no dropout."""
    frame_dropout: float = 0.0
    """Tacotron 2: share of the true frames that the decoder receives as the mean frame instead, so that it learns to
    read the text: the local information preference of arXiv:1909.01145."""


class InferOptions(NamedTuple):
    """Options of speech from text."""

    generator: Generator | Sequence[Generator] | None = None
    """Tacotron 2: for the prenet's dropout, which is on at inference too; None for torch's global generator. Networks
    timed by durations: for `max_stretch`. With one generator for each text, its speech does not depend on the other
    texts, up to rounding."""
    stop_threshold: float = 0.5
    """Tacotron 2: a text ends at the first step whose stop probability is above it. Evaluation and users of a release
    have this one."""
    max_stretch: float = 0.0
    """Networks timed by durations: a random factor of each token's duration is between 1 / (1 + this) and 1 + this; 0
    for the durations as predicted."""
    pace: Tensor | None = None
    """Networks timed by durations: how much faster each text is than predicted; 2 for half of the durations. None for
    the durations as predicted. (B,)"""


DRAW_PLAINLY, SPEAK_PLAINLY = ForwardOptions(), InferOptions()
"""The default options."""

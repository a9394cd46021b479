"""Figures that show whether the attention reads the text from start to end, for logs, plots and the gate.

An alignment (T', L) contains the share of each token in each decoder step's attention; its rows add up to 1.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

DIAGONAL_BAND = 0.2
"""Half the width of `diagonality`'s band, in shares of the text; guided attention has the same value for its sigma."""


@dataclass(frozen=True)
class AlignmentFigures:
    """The figures of one utterance, each in [0, 1]; all are 1 if every token is read in order."""

    diagonality: float
    focus_rate: float
    coverage: float
    monotonicity: float


def diagonality(alignment: Tensor, band: float = DIAGONAL_BAND) -> float:
    """Compute the share of the attention near the diagonal: where t/T' is within `band` of [n/L, (n + 1)/L].

    A perfect diagonal has 1, attention spread evenly over a long text 2 band - band^2: 0.36 for the default. Speech is
    never quite even, so a well-read text has somewhat less than 1.

    Args:
        alignment: (T', L)
        band: In shares of the text.
    """
    n_steps, n_tokens = alignment.shape
    steps = (torch.arange(n_steps, device=alignment.device) + 0.5) / n_steps
    tokens = (torch.arange(n_tokens, device=alignment.device) + 0.5) / n_tokens
    near = (steps[:, None] - tokens).abs() <= band + 0.5 / n_tokens
    return float((alignment * near).sum() / alignment.sum().clamp(min=torch.finfo(alignment.dtype).tiny))


def focus_rate(alignment: Tensor) -> float:
    """Compute the mean over steps of the largest share: 1 if each step reads one token, 1/L if it reads all equally.

    Args:
        alignment: (T', L)

    Source:
        Ren et al. 2019 (FastSpeech), arXiv:1905.09263, section 3.3.
    """
    return float(alignment.amax(dim=1).mean())


def coverage(alignment: Tensor) -> float:
    """Compute the share of tokens that have the largest share in at least one step; skipped tokens lower it.

    If there are fewer steps than tokens, it is the share of the number of steps, because each step counts one token.

    Args:
        alignment: (T', L)
    """
    n_steps, n_tokens = alignment.shape
    return len(set(alignment.argmax(dim=1).tolist())) / min(n_steps, n_tokens)


def monotonicity(alignment: Tensor) -> float:
    """Compute the share of moves from step to step that do not go back, by the token with the largest share.

    This figure alone shows nothing (attention that never moves has 1): read it with `coverage`.

    Args:
        alignment: (T', L)
    """
    moves = alignment.argmax(dim=1).diff()
    return float((moves >= 0).float().mean()) if len(moves) else 1.0


def alignment_figures(alignment: Tensor, step_lengths: Tensor, token_lengths: Tensor) -> list[AlignmentFigures]:
    """Compute all figures for each utterance of a padded batch.

    Args:
        alignment: (B, T', L)
        step_lengths: Decoder steps. (B,)
        token_lengths: (B,)
    """
    figures = []
    for padded, n_steps, n_tokens in zip(
        alignment.detach().cpu().float(), step_lengths.tolist(), token_lengths.tolist(), strict=True
    ):
        item = padded[:n_steps, :n_tokens]
        figures.append(AlignmentFigures(diagonality(item), focus_rate(item), coverage(item), monotonicity(item)))
    return figures

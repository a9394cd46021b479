"""The aligner: finds which frames belong to which token, while a Non-Attentive Tacotron is trained.

The aligner compares every frame of a recording with every token of its text, and learns that reading the text from
start to end, each token for some frames, explains the recording (the sum over all such readings, as in CTC). The best
single reading gives the tokens' durations. It is used in training alone: at inference durations are predicted.

Source: Badlani et al. 2021, "One TTS Alignment To Rule Them All", arXiv:2108.10447; the search for the best reading is
that of Glow-TTS, arXiv:2005.11129, section 3.
"""

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from peewee_model.synthesizer.layers import length_mask
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig

_BLANK_LOG_PROBABILITY = -1.0
"""Log-probability, before normalisation, that a step belongs to no token; the paper's value."""


class Aligner(nn.Module):
    """Compares groups of frames with tokens: log-shares of the tokens in each step."""

    def __init__(self, config: NonAttentiveConfig) -> None:
        super().__init__()
        n_frames, sizes = config.mel.n_mels * config.reduction_factor, config.non_attentive
        channels = sizes.aligner_channels
        self.keys = nn.Sequential(
            nn.Conv1d(config.symbol_embedding_dim, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, sizes.aligner_dim, 1),
        )
        self.queries = nn.Sequential(
            nn.Conv1d(n_frames, channels, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 1),
            nn.ReLU(),
            nn.Conv1d(channels, sizes.aligner_dim, 1),
        )

    def forward(self, symbols: Tensor, token_lengths: Tensor, groups: Tensor, step_lengths: Tensor) -> Tensor:
        """Compare all groups of frames with all tokens.

        Args:
            symbols: Embedded tokens, zero at padding. (B, D, L)
            token_lengths: (B,)
            groups: Normalised frames, `reduction_factor` in each, zero at padding. (B, r x M, T')
            step_lengths: Groups of each recording. (B,)

        Returns:
            The logarithm of each step's share for each token; very small at padding tokens. (B, T', L)
        """
        keys, queries = self.keys(symbols).float(), self.queries(groups).float()
        with torch.autocast(groups.device.type, enabled=False):  # this is a difference of large numbers
            products = queries.transpose(1, 2) @ keys
        distances = queries.square().sum(1)[:, :, None] + keys.square().sum(1)[:, None] - 2 * products
        n_steps, n_tokens = distances.shape[1:]
        token_mask = length_mask(token_lengths, n_tokens)[:, None]
        shares = (-distances / keys.shape[1]).masked_fill(~token_mask, -1e4).log_softmax(dim=2)
        prior = _log_prior(step_lengths, token_lengths, n_steps, n_tokens)
        found: Tensor = (shares + prior).log_softmax(dim=2)
        return found


def alignment_loss(shares: Tensor, step_lengths: Tensor, token_lengths: Tensor) -> Tensor:
    """Compute how badly reading a text from start to end explains its recording, summed over all such readings.

    Args:
        shares: The output of an `Aligner`. (B, T', L)
        step_lengths: (B,)
        token_lengths: (B,)

    Returns:
        Negative log-likelihood a step. ()
    """
    n_tokens = shares.shape[2]
    with_blank = F.pad(shares, (1, 0), value=_BLANK_LOG_PROBABILITY).log_softmax(dim=2)
    targets = torch.arange(1, n_tokens + 1, device=shares.device).expand(len(shares), -1)
    losses = F.ctc_loss(
        with_blank.transpose(0, 1), targets, step_lengths, token_lengths, reduction="sum", zero_infinity=True
    )
    return losses / step_lengths.sum()


@torch.no_grad()
def best_durations(shares: Tensor, step_lengths: Tensor, token_lengths: Tensor) -> Tensor:
    """Find the likeliest way to read each text from start to end, at least one step a token.

    A recording with fewer steps than its text has tokens is divided evenly; some tokens then get none.

    Args:
        shares: The output of an `Aligner`. (B, T', L)
        step_lengths: (B,)
        token_lengths: (B,)

    Returns:
        Steps of each token, int64; they add up to the recording's. (B, L)
    """
    scores = shares.float().cpu().numpy()
    n_steps, n_tokens = step_lengths.cpu().numpy(), token_lengths.cpu().numpy()
    found = _best_paths(scores, n_steps, n_tokens)
    for item in np.flatnonzero(n_steps < n_tokens):
        ends = np.arange(n_tokens[item] + 1) * n_steps[item] // n_tokens[item]
        found[item] = 0
        found[item, : n_tokens[item]] = np.diff(ends)
    return torch.from_numpy(found).to(shares.device)


def _best_paths(
    scores: NDArray[np.float32], n_steps: NDArray[np.int64], n_tokens: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Viterbi search over all items at once: a step stays at a token or moves to the next. Returns durations (B, L)"""
    n_items, longest, widest = scores.shape
    best = np.full((n_items, widest), -np.inf, dtype=np.float32)
    best[:, 0] = scores[:, 0, 0]
    came = np.zeros((longest, n_items, widest), dtype=bool)  # whether the best path to here came from the token before
    moved = np.full_like(best, -np.inf)
    for step in range(1, longest):
        moved[:, 1:] = best[:, :-1]
        np.greater(moved, best, out=came[step])
        np.maximum(best, moved, out=best)
        best += scores[:, step]
    durations = np.zeros((n_items, widest), dtype=np.int64)
    items, tokens = np.arange(n_items), n_tokens - 1
    for step in range(longest - 1, -1, -1):
        is_there = step < n_steps
        durations[items, tokens] += is_there
        tokens = tokens - (came[step, items, tokens] & is_there)
    return durations


def _log_prior(step_lengths: Tensor, token_lengths: Tensor, n_steps: int, n_tokens: int) -> Tensor:
    """The prior of an even reading speed, beta-binomial: arXiv:2108.10447, section 2.2. (B, T', L)"""
    step = torch.arange(1, n_steps + 1, device=step_lengths.device, dtype=torch.float32)[:, None]
    token = torch.arange(n_tokens, device=step_lengths.device, dtype=torch.float32)
    last = (token_lengths - 1).float()[:, None, None]
    token = torch.minimum(token, last)  # padding gets a value too, but nothing reads it
    alpha = torch.minimum(step, step_lengths.float()[:, None, None])
    beta = step_lengths.float()[:, None, None] + 1 - alpha
    ways = torch.lgamma(last + 1) - torch.lgamma(token + 1) - torch.lgamma(last - token + 1)
    with_token = torch.lgamma(token + alpha) + torch.lgamma(last - token + beta) - torch.lgamma(last + alpha + beta)
    return ways + with_token - torch.lgamma(alpha) - torch.lgamma(beta) + torch.lgamma(alpha + beta)

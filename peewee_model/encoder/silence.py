"""Finds the frames of an utterance that are loud enough to identify a voice."""

import math

import torch
from torch import Tensor

_LOUD_SHARE = 0.05
"""The loudest twentieth of the frames sets the level that others are compared with, so that a click does not."""


def loud_frames(mel: Tensor, silence_db: float) -> Tensor:
    """Find the frames that are at most `silence_db` below the utterance's loud ones.

    Args:
        mel: Log-mel, natural log of magnitude. (M, T)
        silence_db: dB; more than 0.

    Returns: True for loud frames, of which there is at least one. (T,) of bool
    """
    level = torch.logsumexp(2 * mel, dim=0) * (10 / math.log(10))  # log-magnitudes -> dB of the frame's power
    n_loud = max(1, round(_LOUD_SHARE * level.numel()))
    return level >= level.topk(n_loud).values[-1] - silence_db


def without_silence(mel: Tensor, silence_db: float) -> Tensor:
    """Drop the frames that are not loud; with 0 dB, none. (M, T) -> (M, T')"""
    return mel[:, loud_frames(mel, silence_db)] if silence_db else mel

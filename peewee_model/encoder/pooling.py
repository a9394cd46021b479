"""Pooling: turns the values of all frames into one vector an utterance."""

import torch
from torch import Tensor, nn

_VARIANCE_FLOOR = 1e-5
"""The square root's gradient at 0 is infinite, and the variance of a single frame is 0."""


def mean_and_deviation(values: Tensor, weights: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel over time.

    Args:
        values: (B, C, T)
        weights: They add up to 1 over time; None for equal weights. (B, C, T)

    Returns:
        (B, C) and (B, C)
    """
    values = values.float()  # a difference of squares needs the digits
    weighed = values / values.shape[2] if weights is None else weights.float() * values
    mean = weighed.sum(dim=2)
    variance = torch.linalg.vecdot(weighed, values, dim=2) - mean.square()  # torch.var_mean takes ten times as long
    return mean, variance.clamp(min=_VARIANCE_FLOOR).sqrt()


def band_statistics(mel: Tensor) -> Tensor:
    """Mean and deviation of each band, and deviation of its change from frame to frame. (B, M, T) -> (B, 3 M)"""
    mean, deviation = mean_and_deviation(mel)
    change = mel.diff(dim=2) if mel.shape[2] > 1 else torch.zeros_like(mel)
    return torch.cat([mean, deviation, mean_and_deviation(change)[1]], dim=1)


class AttentiveStatistics(nn.Module):
    """Mean and standard deviation over time, with an attention of its own for each channel.

    The attention of a frame sees the frame and the mean and standard deviation of the whole utterance. These are the
    same for all frames, so that their share of the first layer is computed once and added.

    Source:
        Desplanques et al. 2020, arXiv:2005.07143, section 3.1.
    """

    def __init__(self, channels: int, attention_channels: int) -> None:
        super().__init__()
        self.frame = nn.Conv1d(channels, attention_channels, 1)
        self.context = nn.Linear(2 * channels, attention_channels, bias=False)
        self.score = nn.Conv1d(attention_channels, channels, 1)

    def forward(self, values: Tensor) -> Tensor:
        """Pool over time.

        Args:
            values: (B, C, T)

        Returns:
            (B, 2 C): means, then standard deviations
        """
        context = self.context(torch.cat(mean_and_deviation(values), dim=1))
        weights = self.score(torch.tanh(self.frame(values) + context[:, :, None])).softmax(dim=2)
        return torch.cat(mean_and_deviation(values, weights), dim=1)

"""Layers that synthesizers share: the text encoder, the postnet, and their parts. Padding changes no result."""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.networks.portable_lstm import LSTM
from peewee_model.synthesizer.config import SynthesizerConfig


def length_mask(lengths: Tensor, n: int) -> Tensor:
    """Mark the valid positions of a padded batch.

    Args:
        lengths: Valid lengths. (B,)
        n: The padded length.

    Returns:
        True where valid. (B, n)
    """
    return torch.arange(n, device=lengths.device) < lengths[:, None]


def xavier(layer: nn.Linear | nn.Conv1d, nonlinearity: nn.init._NonlinearityType) -> None:
    """Initialise a layer's weight for the activation that follows it."""
    nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain(nonlinearity))


def dropout(values: Tensor, probability: float, generator: torch.Generator | None = None) -> Tensor:
    """Set a share of the values to zero and scale the others up.

    Args:
        values: Of any shape.
        probability: The share.
        generator: The random generator. It may be on another device, so that a seed gives the same numbers for every
            device; None for torch's global generator.
    """
    if probability == 0:
        return values
    if generator is None and values.device.type != "cpu":
        return F.dropout(values, probability)
    # On CPUs, torch's dropout spends most of its time in branches of its Bernoulli draws; this takes a third of it.
    device = values.device if generator is None else generator.device
    drawn = torch.rand(values.shape, generator=generator, dtype=torch.float32, device=device)
    return values * drawn.ge_(probability).div_(1 - probability).to(values)


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm whose statistics are those of the valid positions only."""

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Normalise per channel.

        Args:
            values: (B, C, T); must be zero where the mask is.
            mask: 1 where valid, else 0; None if all is. (B, 1, T)

        Returns:
            Normalised values; the values at padding are of no use. (B, C, T)
        """
        if mask is None or not self.training:
            return super().forward(values)
        values = values.to(self.weight.dtype)  # sums over a batch are too much for half precision
        n_all, n_valid = mask.numel(), mask.sum(dtype=values.dtype)
        variance_all, mean_all = torch.var_mean(values, dim=(0, 2), correction=0)
        # Zeros at padding add nothing to the sums, so the sums over all positions are those over the valid ones.
        share = n_all / n_valid
        mean = share * mean_all
        variance = share * (variance_all + mean_all.square() * (1 - share))
        self._update_running_statistics(mean.detach(), variance.detach(), n_valid)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return torch.addcmul((self.bias - mean * scale)[:, None], values, scale[:, None])

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor, n_valid: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance * (n_valid / (n_valid - 1).clamp(min=1)), self.momentum)


class ConvolutionBlock(nn.Module):
    """Convolution, batch norm, activation, dropout; zero at padding."""

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel_size: int,
        nonlinearity: nn.init._NonlinearityType,
        dropout: float,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(n_in, n_out, kernel_size, padding=kernel_size // 2)
        self.norm = MaskedBatchNorm(n_out)
        self.dropout = dropout
        activations: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "tanh": torch.tanh}
        self._activation = activations.get(nonlinearity)
        xavier(self.convolution, nonlinearity)

    def forward(self, values: Tensor, mask: Tensor | None) -> Tensor:
        """Apply the block.

        Args:
            values: Zero at padding. (B, C, T)
            mask: 1 where valid, else 0; None if all is. (B, 1, T)
        """
        values = self.convolution(values)
        values = self.norm(values if mask is None else values * mask, mask)
        if self._activation is not None:
            values = self._activation(values)
        if self.training:
            values = dropout(values, self.dropout)
        return values if mask is None else values * mask


class Encoder(nn.Module):
    """Encodes tokens, one vector for each. Source: arXiv:1712.05884, section 2.2."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        n = config.symbol_embedding_dim
        self.embedding = nn.Embedding(config.n_symbols, n)
        nn.init.xavier_uniform_(self.embedding.weight)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(n, n, config.encoder_kernel_size, "relu", config.encoder_dropout)
            for _ in range(config.encoder_n_convolutions)
        )
        # Two LSTMs of one direction each, the second on reversed tokens, need no packing, so the CPU does not wait for
        # a GPU.
        self.lstm_forward = LSTM(n, n // 2, batch_first=True)
        self.lstm_backward = LSTM(n, n // 2, batch_first=True)

    def forward(self, tokens: Tensor, token_lengths: Tensor, mask: Tensor) -> Tensor:
        """Encode a text.

        Args:
            tokens: (B, L)
            token_lengths: (B,)
            mask: True where valid. (B, L)

        Returns:
            Zero at padding. (B, L, symbol_embedding_dim)
        """
        channel_mask = mask[:, None].to(self.embedding.weight.dtype)
        values = self.embedding(tokens).transpose(1, 2) * channel_mask  # (B, C, L), as convolutions want it
        for block in self.blocks:
            values = block(values, channel_mask)
        values = values.transpose(1, 2)
        steps = torch.arange(tokens.shape[1], device=tokens.device)
        backwards = (token_lengths[:, None] - 1 - steps).clamp(min=0)[..., None]  # its own inverse
        forward, _ = self.lstm_forward(values)
        reverse, _ = self.lstm_backward(values.gather(1, backwards.expand_as(values)))
        reverse = reverse.gather(1, backwards.expand_as(reverse))
        return torch.cat((forward, reverse), dim=2) * mask[..., None]


class Postnet(nn.Module):
    """Convolutions that predict a correction of the decoder's mel."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        n_mels, n_blocks = config.mel.n_mels, config.postnet_n_convolutions
        sizes = (n_mels, *([config.postnet_channels] * (n_blocks - 1)), n_mels)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(
                n_in,
                n_out,
                config.postnet_kernel_size,
                "tanh" if index < n_blocks - 1 else "linear",
                config.postnet_dropout,
            )
            for index, (n_in, n_out) in enumerate(pairwise(sizes))
        )

    def forward(self, mel: Tensor, mask: Tensor | None) -> Tensor:
        """Predict a correction.

        Args:
            mel: Zero at padding. (B, M, T)
            mask: 1 where valid, else 0; None if all is. (B, 1, T)

        Returns:
            What to add to the mel. (B, M, T)
        """
        for block in self.blocks:
            mel = block(mel, mask)
        return mel

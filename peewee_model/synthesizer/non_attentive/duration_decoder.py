"""The part of a Non-Attentive Tacotron between the encoded text and the postnet.

Each token's vector is repeated for as many steps as the token lasts, with the position of the step in the token.
Convolutions over these steps predict all frames at once; they see the steps before and after. No frame is computed
from another frame. So training and inference differ by the durations alone.

Source: Shen et al. 2020, "Non-Attentive Tacotron", arXiv:2010.04301 (durations and the position in a token); the
decoder is convolutional, as FastSpeech's feed-forward blocks are (arXiv:1905.09263), and has no attention.
"""

import torch
from torch import Tensor, nn

from peewee_model.synthesizer.layers import ConvolutionBlock, length_mask, xavier
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig

_N_PLACES = 2
"""Number of features that describe the position of a step in its token."""
_LONGEST_TOKEN_S = 3.0
"""Predicted durations are limited to this; no pause in speech is longer."""


def _unchanging(n_in: int, n_out: int) -> nn.Linear:
    """A layer whose output is zero at first."""
    layer = nn.Linear(n_in, n_out)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class _ResidualConvolutions(nn.Module):
    """A projection and residual convolutions over time; zero at padding."""

    def __init__(
        self, n_in: int, channels: int, n_convolutions: int, kernel_size: int, dropout: float, n_speaker: int
    ) -> None:
        super().__init__()
        self.entry = nn.Linear(n_in, channels)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(channels, channels, kernel_size, "relu", dropout) for _ in range(n_convolutions)
        )
        xavier(self.entry, "linear")
        self.film = nn.ModuleList(_unchanging(n_speaker, 2 * channels) for _ in self.blocks) if n_speaker else None

    def forward(self, values: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        """From (B, T', D), a mask of what is valid (B, T') and the narrowed embeddings (B, F) to (B, T', C)."""
        channel_mask = mask[:, None].to(values.dtype)
        values = self.entry(values).transpose(1, 2) * channel_mask  # (B, C, T'), as convolutions want it
        for number, block in enumerate(self.blocks):
            found = block(values, channel_mask)
            if self.film is not None:
                scale, shift = self.film[number](speaker)[..., None].chunk(2, dim=1)
                found = found * (1 + scale) + shift * channel_mask
            values = values + found
        return values.transpose(1, 2)


class DurationPredictor(nn.Module):
    """Predicts from the encoded text around a token how many decoder steps the token lasts."""

    def __init__(self, config: NonAttentiveConfig) -> None:
        super().__init__()
        sizes = config.non_attentive
        channels = sizes.duration_predictor_channels
        n_memory = config.symbol_embedding_dim + config.speaker_embedding_dim
        self.convolutions = _ResidualConvolutions(
            n_memory,
            channels,
            sizes.duration_predictor_n_convolutions,
            sizes.duration_predictor_kernel_size,
            sizes.duration_predictor_dropout,
            config.film_dim,
        )
        self.projection = nn.Linear(channels, 1)
        mel = config.mel
        self._most = _LONGEST_TOKEN_S * mel.sample_rate / mel.hop_length / config.reduction_factor

    def forward(self, values: Tensor, mask: Tensor, speaker: Tensor | None) -> Tensor:
        """Predict the logarithm of the mean number of steps.

        Args:
            values: The encoded text. (B, L, D)
            mask: True where valid. (B, L)
            speaker: Narrowed embeddings; None where film_dim is 0. (B, F)

        Returns:
            Values at padding are of no use. (B, L)
        """
        predicted: Tensor = self.projection(self.convolutions(values, mask, speaker))[..., 0]
        return predicted

    def durations(self, log_durations: Tensor, mask: Tensor) -> Tensor:
        """Round durations to whole steps, at least one a token; running sums differ by half a step at most.

        Args:
            log_durations: The output of `forward`. (B, L)
            mask: True where valid. (B, L)

        Returns:
            int64; zero at padding. (B, L)
        """
        lasting = log_durations.double().exp().clamp(min=1.0, max=self._most)
        ends = (lasting.cumsum(1) + 0.5).floor().long()
        return ends.diff(dim=1, prepend=ends.new_zeros(len(ends), 1)) * mask


class FrameDecoder(nn.Module):
    """Predicts groups of `reduction_factor` frames from tokens and their durations."""

    def __init__(self, config: NonAttentiveConfig) -> None:
        super().__init__()
        sizes = config.non_attentive
        channels = sizes.frame_decoder_channels
        n_held = _N_PLACES + config.symbol_embedding_dim + config.speaker_embedding_dim
        self.convolutions = _ResidualConvolutions(
            n_held,
            channels,
            sizes.frame_decoder_n_convolutions,
            sizes.frame_decoder_kernel_size,
            sizes.frame_decoder_dropout,
            config.film_dim,
        )
        self.projection = nn.Linear(channels + n_held, config.mel.n_mels * config.reduction_factor)
        xavier(self.projection, "linear")

    def forward(self, values: Tensor, durations: Tensor, n_steps: int, speaker: Tensor | None) -> tuple[Tensor, Tensor]:
        """Predict all groups of frames.

        Args:
            values: The encoded text. (B, L, D)
            durations: Steps of each token, zero at padding. int64 (B, L)
            n_steps: T', at least as many as any text lasts.
            speaker: Narrowed embeddings; None where film_dim is 0. (B, F)

        Returns:
            Normalised frames, of no use at padding (B, T', r x M), and the token of each step
            as an alignment of ones and zeros, zero at padding (B, T', L).
        """
        ends, step_lengths = durations.cumsum(1), durations.sum(1)
        steps = torch.arange(n_steps, device=durations.device)
        mask = length_mask(step_lengths, n_steps)
        tokens = torch.searchsorted(ends, steps.expand(len(ends), -1).contiguous(), right=True)
        tokens = tokens.clamp(max=durations.shape[1] - 1)  # (B, T')
        lasting = durations.gather(1, tokens).clamp(min=1)
        before = steps - (ends.gather(1, tokens) - lasting)
        places = torch.stack(((before + 0.5) / lasting, lasting.log()), dim=2).to(values.dtype)
        held = torch.cat((places, values.gather(1, tokens[..., None].expand(-1, -1, values.shape[2]))), dim=2)
        held = held * mask[..., None]
        drawn = self.projection(torch.cat((self.convolutions(held, mask, speaker), held), dim=2))
        alignment = torch.zeros(*tokens.shape, durations.shape[1], dtype=values.dtype, device=values.device)
        return drawn, alignment.scatter_(2, tokens[..., None], mask[..., None].to(values.dtype))

"""The discriminators of HiFi-GAN, of periods and of scales, and their losses."""

from typing import Self

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

_SLOPE = 0.1  # of leaky ReLUs, arXiv:2010.05646 appendix A
_SCALE_LAYERS = ((15, 1, 1), (41, 2, 4), (41, 2, 16), (41, 4, 16), (41, 4, 16), (41, 1, 16), (5, 1, 1))
"""Kernel, stride and groups of each convolution of a scale discriminator, from the authors' code."""

Judgements = list[list[Tensor]]
"""Of each discriminator its feature maps; the last is its scores."""


class DiscriminatorArchitecture(BaseModel):
    """Sizes of the discriminators (`vocoder.hifi_gan.discriminators` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    periods: tuple[int, ...]
    """A discriminator for each, which sees every period-th sample side by side. The paper has 2, 3, 5, 7, 11."""
    period_channels: tuple[int, ...] = Field(min_length=1)
    """Channels of its convolutions. The paper has 32, 128, 512, 1024, 1024."""
    n_scales: int = Field(ge=0)
    """Discriminators that see the samples, the samples at half the rate, and so on. The paper has 3."""
    scale_channels: tuple[int, ...] = Field(min_length=len(_SCALE_LAYERS), max_length=len(_SCALE_LAYERS))
    """Channels of their seven convolutions. The paper has 128, 128, 256, 512, 1024, 1024, 1024."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if any(channels % 16 for channels in self.scale_channels):
            raise ValueError("scale_channels must be multiples of 16: the convolutions work in 16 groups")
        if not self.periods and not self.n_scales:
            raise ValueError("no periods and no scales: a GAN needs a discriminator")
        return self


class Discriminators(nn.Module):
    """All discriminators as one module.

    Source:
        Kong et al. 2020, arXiv:2010.05646, section 2.3.
    """

    def __init__(self, architecture: DiscriminatorArchitecture) -> None:
        super().__init__()
        self.periods = nn.ModuleList(
            PeriodDiscriminator(period, architecture.period_channels) for period in architecture.periods
        )
        # Section 2.3: the one on raw samples is normalised spectrally, the others by weight.
        self.scales = nn.ModuleList(
            ScaleDiscriminator(architecture.scale_channels, spectral=index == 0)
            for index in range(architecture.n_scales)
        )

    def forward(self, samples: Tensor) -> Judgements:
        """Judge samples. (B, S) -> feature maps, each (B, ...)."""
        signal = samples[:, None]
        judgements = [discriminator(signal) for discriminator in self.periods]
        for index, discriminator in enumerate(self.scales):
            if index:
                signal = F.avg_pool1d(signal, kernel_size=4, stride=2, padding=2)
            judgements.append(discriminator(signal))
        return judgements


class PeriodDiscriminator(nn.Module):
    """Folds the samples into rows of one period, and convolves along the columns only."""

    def __init__(self, period: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.period = period
        strides = [3] * (len(channels) - 1) + [1]
        pairs = zip((1, *channels[:-1]), channels, strides, strict=True)
        self.convolutions = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (5, 1), (stride, 1), padding=(2, 0)))
            for before, after, stride in pairs
        )
        self.scores = weight_norm(nn.Conv2d(channels[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, signal: Tensor) -> list[Tensor]:
        """(B, 1, S) -> feature maps."""
        # Padded with zeros. The authors mirror the end, but the gradient of that is not deterministic on a GPU.
        padded = F.pad(signal, (0, -signal.shape[2] % self.period))
        hidden = padded.reshape(len(padded), 1, -1, self.period)
        features = []
        for convolution in self.convolutions:
            hidden = F.leaky_relu(convolution(hidden), _SLOPE)
            features.append(hidden)
        return [*features, self.scores(hidden)]


class ScaleDiscriminator(nn.Module):
    """Strided, grouped convolutions over the samples."""

    def __init__(self, channels: tuple[int, ...], spectral: bool) -> None:
        super().__init__()
        normalised = spectral_norm if spectral else weight_norm
        pairs = zip((1, *channels[:-1]), channels, _SCALE_LAYERS, strict=True)
        self.convolutions = nn.ModuleList(
            normalised(nn.Conv1d(before, after, size, stride, size // 2, groups=groups))
            for before, after, (size, stride, groups) in pairs
        )
        self.scores = normalised(nn.Conv1d(channels[-1], 1, 3, padding=1))

    def forward(self, signal: Tensor) -> list[Tensor]:
        """(B, 1, S) -> feature maps."""
        features = []
        for convolution in self.convolutions:
            signal = F.leaky_relu(convolution(signal), _SLOPE)
            features.append(signal)
        return [*features, self.scores(signal)]


def discriminator_loss(real: Judgements, generated: Judgements) -> Tensor:
    """Least squares: recordings are to score 1, generated samples 0; summed over discriminators. ()

    Source:
        arXiv:2010.05646, equation 1.
    """
    losses = [((1 - a[-1]) ** 2).mean() + (b[-1] ** 2).mean() for a, b in zip(real, generated, strict=True)]
    return torch.stack(losses).sum()


def adversarial_loss(generated: Judgements) -> Tensor:
    """Compute the generator's loss for scores other than 1, summed over discriminators. () Equation 2."""
    return torch.stack([((1 - judgement[-1]) ** 2).mean() for judgement in generated]).sum()


def feature_loss(real: Judgements, generated: Judgements) -> Tensor:
    """L1 between the feature maps of recordings and generated samples, summed over maps. () Equation 4.

    The recordings' maps are targets: no gradient flows into them.
    """
    losses = [
        F.l1_loss(b_map, a_map.detach())
        for a, b in zip(real, generated, strict=True)
        for a_map, b_map in zip(a, b, strict=True)
    ]
    return torch.stack(losses).sum()

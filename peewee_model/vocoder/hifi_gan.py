"""HiFi-GAN's generator: transposed convolutions from frames to samples, each followed by many receptive fields."""

import math
from collections.abc import Sequence
from typing import Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.nn.utils.parametrize import is_parametrized, remove_parametrizations

from peewee_model.audio.mel import MelConfig
from peewee_model.errors import ConfigError, ShapeError


class GeneratorArchitecture(BaseModel):
    """Sizes of the generator (`vocoder.hifi_gan.generator` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upsample_rates: tuple[int, ...] = Field(min_length=1)
    """Upsampling factor of each transposed convolution; their product is mel.acoustic.hop_length. V1 and V2 of the
    paper have 8, 8, 2, 2; V3 has 8, 8, 4."""
    upsample_kernel_sizes: tuple[int, ...]
    """Their kernel sizes. The paper has twice the rate."""
    upsample_initial_channels: int
    """Channels before the first of them; each halves the number. V1 has 512, V2 128, V3 256."""
    resblock_kernel_sizes: tuple[int, ...] = Field(min_length=1)
    """Kernel sizes of the residual blocks after every upsampling; their outputs are averaged. V1 and V2 have 3, 7, 11;
    V3 has 3, 5, 7."""
    resblock_dilations: tuple[tuple[int, ...], ...]
    """The dilations in each of these blocks. V1 and V2 have 1, 3, 5 in all; V3 has 1, 2 and 2, 6 and 3, 12."""
    resblock_n_convolutions: Literal[1, 2]
    """Convolutions at each dilation: 2 adds one without dilation, as V1 and V2 have; V3 has 1."""
    leaky_relu_slope: float
    """Slope of the activation below zero. The paper has 0.1."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            raise ValueError(
                f"{len(self.upsample_rates)} upsample_rates but {len(self.upsample_kernel_sizes)} upsample_kernel_sizes"
            )
        for rate, size in zip(self.upsample_rates, self.upsample_kernel_sizes, strict=True):
            if rate < 1 or size < rate or (size - rate) % 2:
                raise ValueError(f"upsample kernel {size} for rate {rate}; it must be the rate plus an even number")
        if len(self.resblock_kernel_sizes) != len(self.resblock_dilations):
            raise ValueError(
                f"{len(self.resblock_kernel_sizes)} resblock_kernel_sizes but {len(self.resblock_dilations)} "
                "resblock_dilations"
            )
        if any(size % 2 == 0 for size in self.resblock_kernel_sizes):
            raise ValueError("resblock_kernel_sizes must be odd, so that a block keeps the length")
        if self.upsample_initial_channels % 2 ** len(self.upsample_rates):
            raise ValueError(
                f"upsample_initial_channels is {self.upsample_initial_channels}; it is halved "
                f"{len(self.upsample_rates)} times, so make it a multiple of {2 ** len(self.upsample_rates)}"
            )
        return self


class HiFiGanConfig(GeneratorArchitecture):
    """`config.json` of a trained HiFi-GAN: the generator's sizes, and the mels that it was trained on."""

    arch: Literal["hifi_gan"]
    mel: MelConfig
    """The mels that it accepts."""


def check_upsampling(upsample_rates: Sequence[int], hop_length: int) -> None:
    """Raise a ConfigError if a generator makes another number of samples of a frame than the mels' hop length."""
    factor = math.prod(upsample_rates)
    if factor != hop_length:
        product = "*".join(str(rate) for rate in upsample_rates)
        raise ConfigError(
            f"mel.acoustic.hop_length is {hop_length} but the vocoder upsamples by {product} = {factor}; make them "
            "equal"
        )


class HiFiGan(nn.Module):
    """Turns log-mels into samples. Its convolutions are plain; a training adds and removes weight normalisation.

    Source:
        Kong et al. 2020, arXiv:2010.05646, section 2.2 and appendix A. A deviation: our frames are centred on multiples
        of hop_length, so that the outer half hop on either side, which no frame is centred on, is cut off.

    Raises:
        ConfigError: If the generator upsamples by another factor than the mels' hop length.
    """

    def __init__(self, config: HiFiGanConfig) -> None:
        super().__init__()
        check_upsampling(config.upsample_rates, config.mel.hop_length)
        self.config = config
        channels = config.upsample_initial_channels
        self.input = nn.Conv1d(config.mel.n_mels, channels, kernel_size=7, padding=3)
        self.upsamplings = nn.ModuleList()
        self.receptive_fields = nn.ModuleList()
        for rate, size in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            padding = (size - rate) // 2
            self.upsamplings.append(nn.ConvTranspose1d(channels, channels // 2, size, rate, padding))
            channels //= 2
            self.receptive_fields.append(ReceptiveFields(channels, config))
        self.output = nn.Conv1d(channels, 1, kernel_size=7, padding=3)
        for module in [*self.upsamplings, *self.receptive_fields.modules(), self.output]:
            if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
                nn.init.normal_(module.weight, std=0.01)  # from the authors' code; the paper does not have it

    def forward(self, mel: Tensor) -> Tensor:
        """Synthesize a batch, of equal lengths.

        Args:
            mel: Natural log of magnitude. (B, M, T) with T > 0

        Returns: Samples between the centres of the first and the last frame: S = (T - 1) * hop_length. (B, S)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``, or T is 0.
        """
        if mel.dim() != 3 or mel.shape[1] != self.config.mel.n_mels or mel.shape[2] == 0:
            raise ShapeError(f"the vocoder takes mels of {self.config.mel.n_mels} bands, not {tuple(mel.shape)}")
        hidden = self.input(mel)
        for upsample, receptive_fields in zip(self.upsamplings, self.receptive_fields, strict=True):
            hidden = receptive_fields(upsample(F.leaky_relu(hidden, self.config.leaky_relu_slope)))
        samples: Tensor = torch.tanh(self.output(F.leaky_relu(hidden, self.config.leaky_relu_slope)))[:, 0]
        hop = self.config.mel.hop_length
        return samples[:, hop // 2 : samples.shape[1] - (hop - hop // 2)]

    @torch.inference_mode()
    def synthesize(self, mel: Tensor) -> NDArray[np.float32]:
        """Turn one log-mel into samples: (M, T) -> ((T - 1) * hop_length,). Raises as `forward`."""
        weight = self.output.weight
        samples: NDArray[np.float32] = self(mel.to(weight)[None])[0].cpu().numpy()
        return samples


class ReceptiveFields(nn.Module):
    """The mean of residual blocks of different kernels (the paper's multi-receptive field fusion)."""

    def __init__(self, channels: int, config: GeneratorArchitecture) -> None:
        super().__init__()
        kernels = zip(config.resblock_kernel_sizes, config.resblock_dilations, strict=True)
        self.blocks = nn.ModuleList(ResidualBlock(channels, size, dilations, config) for size, dilations in kernels)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, C, S) -> (B, C, S)."""
        return torch.stack([block(hidden) for block in self.blocks]).mean(dim=0)


class ResidualBlock(nn.Module):
    """Dilated convolutions, each with its input added to its output."""

    def __init__(
        self, channels: int, kernel_size: int, dilations: tuple[int, ...], config: GeneratorArchitecture
    ) -> None:
        super().__init__()
        self.steps = nn.ModuleList()
        for dilation in dilations:
            step = nn.Sequential()
            for inner in [dilation, 1][: config.resblock_n_convolutions]:
                padding = inner * (kernel_size - 1) // 2
                step.append(nn.LeakyReLU(config.leaky_relu_slope))
                step.append(nn.Conv1d(channels, channels, kernel_size, dilation=inner, padding=padding))
            self.steps.append(step)

    def forward(self, hidden: Tensor) -> Tensor:
        """(B, C, S) -> (B, C, S)."""
        for step in self.steps:
            hidden = hidden + step(hidden)
        return hidden


def add_weight_norm(module: nn.Module) -> None:
    """Split the weights of all convolutions into length and direction, in place, for training."""
    for convolution in _convolutions(module):
        weight_norm(convolution)


def remove_weight_norm(module: nn.Module) -> None:
    """Make all convolutions plain again, in place, for a release."""
    for convolution in _convolutions(module):
        if is_parametrized(convolution, "weight"):
            remove_parametrizations(convolution, "weight")


def _convolutions(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if isinstance(part, (nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d))]

"""Makes a vocoder from its config, and loads one."""

from pathlib import Path
from typing import Annotated, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, RootModel
from torch import Tensor

from peewee_model.networks.weights import load_config, load_weights
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from peewee_model.vocoder.hifi_gan import HiFiGan, HiFiGanConfig
from peewee_model.vocoder.source_filter import SourceFilter, SourceFilterConfig

AnyVocoderConfig = GriffinLimConfig | SourceFilterConfig | HiFiGanConfig
VocoderConfig = Annotated[AnyVocoderConfig, Field(discriminator="arch")]


class Vocoder(Protocol):
    """Turns log-mels into samples."""

    @property
    def config(self) -> AnyVocoderConfig:
        """Its settings; `mel` describes the mels that it accepts."""

    def synthesize(self, mel: Tensor) -> NDArray[np.float32]:
        """Turn a log-mel into samples, between the centres of its first and its last frame.

        Args:
            mel: Natural log of magnitude. (M, T) with T > 0, on any device

        Returns:
            S = (T - 1) * hop_length. (S,)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``, or T is 0.
        """


class _AnyConfig(RootModel[VocoderConfig]):
    """`config.json` of any vocoder."""


def make_vocoder(config: AnyVocoderConfig) -> GriffinLim | SourceFilter | HiFiGan:
    """Make the vocoder that a config describes; weights that are trained are drawn at random."""
    if isinstance(config, GriffinLimConfig):
        return GriffinLim(config)
    return HiFiGan(config) if isinstance(config, HiFiGanConfig) else SourceFilter(config)


def load_vocoder(folder: Path) -> GriffinLim | SourceFilter | HiFiGan:
    """Load a vocoder, ready for inference, from a folder with `config.json` and `model.safetensors`.

    Raises:
        ConfigError: If the folder does not hold the config of a vocoder.
        ShapeError: If weights and config are not of one model.
    """
    vocoder = make_vocoder(load_config(folder, _AnyConfig).root)
    load_weights(folder, vocoder)
    return vocoder.eval()

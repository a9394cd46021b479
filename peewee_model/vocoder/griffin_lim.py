"""Griffin-Lim: finds samples whose spectrogram is near to a given one. It needs no training.

librosa has this too (`librosa.feature.inverse.mel_to_audio`). But its first call compiles for 25 s, and its
non-negative least squares take longer than the phases. So this module uses torch's transforms; a test compares the two.
"""

import math
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from peewee_model.audio.mel import MelConfig, mel_filter_bank
from peewee_model.vocoder.log_mel import check_mel, short_time_spectrum

_TINY = 1e-12  # keeps quotients finite; far below any magnitude of a recording


class GriffinLimSettings(BaseModel):
    """Settings of Griffin-Lim (`vocoder.griffin_lim` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_iterations: int = Field(ge=1)
    """Rounds of phase reconstruction. Quality saturates near 60."""
    momentum: float = Field(ge=0, le=1)
    """Momentum of the phases between rounds; 0 is the algorithm of 1984. Perraudin et al. 2013 have 0.99."""
    n_inversion_updates: int = Field(ge=1)
    """Multiplicative updates that turn mel bands into a spectrum. 32 leave below 1 % of a recording's mel."""


class GriffinLimConfig(GriffinLimSettings):
    """`config.json` of this vocoder."""

    arch: Literal["griffin_lim"]
    mel: MelConfig
    """The mels that it accepts."""


class GriffinLim(nn.Module):
    """Turns log-mels into samples: non-negative inversion of the filter bank, then fast Griffin-Lim.

    Nothing is random: the phases start at zero. On speech this gives as good a result as random phases.

    Source:
        Perraudin, Balazs, Søndergaard 2013, "A fast Griffin-Lim algorithm"; Lee and Seung 2001 for the inversion.
    """

    filter_bank: Tensor
    window: Tensor

    def __init__(self, config: GriffinLimConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filter_bank", torch.tensor(mel_filter_bank(config.mel)))
        self.register_buffer("window", torch.hann_window(config.mel.win_length), persistent=False)

    @torch.inference_mode()
    def synthesize(self, mel: Tensor) -> NDArray[np.float32]:
        """Turn a log-mel into samples, between the centres of its first and its last frame.

        Args:
            mel: Natural log of magnitude. (M, T) with T > 0

        Returns:
            S = (T - 1) * hop_length. (S,)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``, or T is 0.
        """
        check_mel(mel, self.config.mel)
        if mel.shape[1] == 1:
            return np.zeros(0, dtype=np.float32)  # the centres of the first and the last frame are one
        magnitude = self.invert_filter_bank(mel.to(self.filter_bank))
        return self.reconstruct_phases(magnitude).cpu().numpy()

    def invert_filter_bank(self, mel: Tensor) -> Tensor:
        """Find a non-negative spectrum whose mel bands are the given ones, except for values at the floor.

        Lower values were raised to the floor. Here its power is subtracted, so that silence stays silence.

        Args:
            mel: Natural log of magnitude. (M, T)

        Returns:
            Magnitudes. (n_fft // 2 + 1, T)
        """
        floor = self.config.mel.log_floor
        bands = floor * torch.sqrt(torch.expm1(2 * (mel - math.log(floor))).clamp(min=0))
        wanted = self.filter_bank.T @ bands
        spectrum = wanted
        for _ in range(self.config.n_inversion_updates):
            spectrum = spectrum * wanted / (self.filter_bank.T @ (self.filter_bank @ spectrum)).clamp(min=_TINY)
        return spectrum

    def reconstruct_phases(self, magnitude: Tensor) -> Tensor:
        """Find samples whose spectrum has nearly these magnitudes. (n_fft // 2 + 1, T) -> ((T - 1) * hop_length,)."""
        overshoot = self.config.momentum / (1 + self.config.momentum)
        spectrum = torch.complex(magnitude, torch.zeros_like(magnitude))
        previous = torch.zeros_like(spectrum)
        for _ in range(self.config.n_iterations):
            consistent = short_time_spectrum(self._overlap_add(spectrum), self.window, self.config.mel)
            direction = consistent - overshoot * previous
            spectrum = magnitude * direction / direction.abs().clamp(min=_TINY)
            previous = consistent
        return self._overlap_add(spectrum)

    def _overlap_add(self, spectrum: Tensor) -> Tensor:
        mel = self.config.mel
        length = (spectrum.shape[-1] - 1) * mel.hop_length
        return torch.istft(spectrum, mel.n_fft, mel.hop_length, mel.win_length, window=self.window, length=length)

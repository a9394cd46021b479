"""A source and a filter: pulses at the voice's pitch and noise, shaped by the smooth envelope of the mel.

A mel that a synthesizer predicts has blurred harmonics, and a vocoder that only inverts it sounds hoarse. Here the
harmonics are drawn anew, at the pitch that a small network reads out of the mel.
"""

import math
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from peewee_model.audio.mel import MelConfig, mel_filter_bank
from peewee_model.vocoder.excitation import filter_by_frames, minimum_phase, pulse_train
from peewee_model.vocoder.log_mel import band_centres, check_mel, smoothing_over_bands
from peewee_model.vocoder.pitch import PitchArchitecture, PitchNetwork

_MEAN_OVER_RMS = math.log(math.sqrt(math.pi) / 2)  # of magnitudes of noise: bands hold means, power follows the RMS
_LEAST_POWER = 1e-4  # -40 dB, so that its log is finite


class FilterSettings(BaseModel):
    """How the envelope is made (`vocoder.source_filter.filter` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    smoothing_hz: float = Field(gt=0)
    """Width of the Gaussian over frequency that removes the harmonics from the mel."""
    formant_width_hz: float = Field(gt=0)
    """Width of a wider one, above which formants stand out."""
    sharpening: float = Field(ge=0)
    """Share of what stands out that is added, because predicted formants are flat; 0 for none. Delicate: 1.5 is
    unintelligible."""
    noise_from_hz: float = Field(gt=0)
    """Frequency at which half of a voiced frame's power is noise."""
    noise_width_hz: float = Field(gt=0)
    """How gently the noise's share rises around there: from 27 to 73 % within twice this width."""


class SourceFilterArchitecture(BaseModel):
    """What decides how samples are made (`vocoder.source_filter` in params.yaml, without its training)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pitch: PitchArchitecture
    filter: FilterSettings


class SourceFilterConfig(SourceFilterArchitecture):
    """`config.json` of this vocoder."""

    arch: Literal["source_filter"]
    mel: MelConfig
    """The mels that it accepts."""


class SourceFilter(nn.Module):
    """Turns log-mels into samples. Only the pitch network has weights. Its noise is the same each time.

    Source:
        Morise et al. 2016, "WORLD": pulses and noise through minimum-phase envelopes. Wang et al. 2019,
        arXiv:1904.12088, and Liu et al. 2020, "Neural Homomorphic Vocoder": the pitch as an input of its own, and
        filters that change with time.
    """

    envelope: Tensor
    """From bands to the smooth log-magnitudes at linear frequencies. (F, M)"""
    offset: Tensor
    """Added to bands, so that they are for a source of power 1. (M,)"""
    harmonic_share: Tensor
    """Of a voiced frame's power. (F,)"""

    def __init__(self, config: SourceFilterConfig) -> None:
        super().__init__()
        self.config = config
        mel, settings = config.mel, config.filter
        self.pitch = PitchNetwork(mel.n_mels, config.pitch)
        self._per_frame = 2 if mel.hop_length % 2 == 0 else 1  # filters a frame
        hop = mel.hop_length // self._per_frame
        n_fft = 2 ** math.ceil(math.log2(max(mel.n_fft, 8 * hop)))  # twice the window: responses do not wrap around
        centres = band_centres(mel)
        bins = torch.linspace(0, mel.sample_rate / 2, n_fft // 2 + 1, dtype=torch.float64)
        narrow, wide = (smoothing_over_bands(centres, hz) for hz in (settings.smoothing_hz, settings.formant_width_hz))
        self._keep(
            "envelope", _interpolation(centres, bins) @ (narrow + settings.sharpening * (narrow - wide @ narrow))
        )
        area = torch.tensor(mel_filter_bank(mel), dtype=torch.float64).sum(dim=1)
        area = torch.where(area > 0, area, area.max())  # a band between two bins is silent anyway
        power = (torch.hann_window(mel.win_length, dtype=torch.float64) ** 2).sum()
        self._keep("offset", -torch.log(area) - 0.5 * torch.log(power) - _MEAN_OVER_RMS)
        self._keep("harmonic_share", torch.sigmoid((settings.noise_from_hz - bins) / settings.noise_width_hz))

    def _keep(self, name: str, value: Tensor) -> None:
        self.register_buffer(name, value.float(), persistent=False)

    @torch.inference_mode()
    def synthesize(self, mel: Tensor, pitch: NDArray[np.float64] | None = None) -> NDArray[np.float32]:
        """Turn a log-mel into samples, between the centres of its first and its last frame.

        Args:
            mel: Natural log of magnitude. (M, T) with T > 0
            pitch: Hz, 0 where unvoiced; None for the pitch that `track` reads out of the mel. (T,)

        Returns:
            S = (T - 1) * hop_length. (S,)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``, or T is 0.
        """
        check_mel(mel, self.config.mel)
        if mel.shape[1] == 1:
            return np.zeros(0, dtype=np.float32)  # the centres of the first and the last frame are one
        mel = mel.to(self.envelope)
        spoken = torch.tensor(self.track(mel) if pitch is None else pitch)
        samples: NDArray[np.float32] = self.render(mel, spoken).cpu().numpy()
        return samples

    def track(self, mel: Tensor) -> NDArray[np.float64]:
        """Read the pitch out of a log-mel, in Hz, 0 where unvoiced. (M, T) -> (T,)"""
        return self.pitch.track(mel.to(self.envelope))

    def render(self, mel: Tensor, pitch: Tensor) -> Tensor:
        """Speak a mel at a given pitch.

        Args:
            mel: As for `synthesize`. (M, T)
            pitch: Hz, 0 where unvoiced. (T,)

        Returns:
            (S,)
        """
        n_samples = (mel.shape[1] - 1) * self.config.mel.hop_length
        voiced = (pitch > 0).to(mel)
        pulses = pulse_train(self._pitch_of_samples(pitch, n_samples).to(mel.device), self.config.mel.sample_rate)
        noise = torch.randn(n_samples, generator=torch.Generator().manual_seed(0)).to(mel)
        log_magnitudes = self._finer(self._log_magnitudes(mel))
        share = self.harmonic_share[:, None] * self._finer(voiced[None])
        hop = self.config.mel.hop_length // self._per_frame
        parts = []
        for source, power in ((pulses, share), (noise, 1 - share)):
            shaped = log_magnitudes + 0.5 * torch.log(power.clamp(min=_LEAST_POWER))
            parts.append(filter_by_frames(source, minimum_phase(shaped.T), hop))
        return parts[0] + parts[1]

    def _log_magnitudes(self, mel: Tensor) -> Tensor:
        """The smooth envelope at linear frequencies, for a source of power 1. (M, T) -> (F, T)."""
        floor = math.log(self.config.mel.log_floor)
        # Lower values were raised to the floor: its power is subtracted, so that silence stays silence.
        bands = floor + 0.5 * torch.log(torch.expm1(2 * (mel - floor)).clamp(min=_LEAST_POWER))
        return self.envelope @ (bands + self.offset[:, None])

    def _finer(self, values: Tensor) -> Tensor:
        """Interpolate frames to those of the filters: (C, T) -> (C, (T - 1) * _per_frame + 1)."""
        n_frames = (values.shape[1] - 1) * self._per_frame + 1
        return F.interpolate(values[None], size=n_frames, mode="linear", align_corners=True)[0]

    def _pitch_of_samples(self, pitch: Tensor, n_samples: int) -> Tensor:
        """Interpolate the log of a pitch, and go on evenly where it is unvoiced. (T,) -> (S,) in Hz."""
        hertz = pitch.double().cpu().numpy()
        (voiced,) = np.nonzero(hertz)
        if not len(voiced):
            return torch.full((n_samples,), self.config.pitch.f_min)  # not heard
        places = np.arange(n_samples) / self.config.mel.hop_length
        return torch.from_numpy(np.exp(np.interp(places, voiced, np.log(hertz[voiced]))))


def _interpolation(centres: Tensor, frequencies: Tensor) -> Tensor:
    """Linear interpolation from bands to frequencies; beyond the outer bands their values go on. (F, M)."""
    right = torch.searchsorted(centres, frequencies).clamp(1, len(centres) - 1)
    share = ((frequencies - centres[right - 1]) / (centres[right] - centres[right - 1])).clamp(0, 1)
    weights = torch.zeros(len(frequencies), len(centres), dtype=centres.dtype)
    rows = torch.arange(len(frequencies))
    weights[rows, right - 1] = 1 - share
    weights[rows, right] = share
    return weights

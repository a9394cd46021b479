"""The log-mel of `peewee_model.audio.mel` in torch: batched, on any device, and differentiable."""

import torch
from torch import Tensor, nn

from peewee_model.audio.mel import MelConfig, mel_filter_bank, mel_frequencies
from peewee_model.errors import ShapeError


def check_mel(mel: Tensor, config: MelConfig) -> None:
    """Raise a ShapeError unless a mel is (M, T) with the config's bands and at least one frame."""
    if mel.dim() != 2 or mel.shape[0] != config.n_mels or mel.shape[1] == 0:
        raise ShapeError(f"the vocoder takes (M, T) mels of {config.n_mels} bands, not {tuple(mel.shape)}")


def band_centres(config: MelConfig) -> Tensor:
    """The frequency at which each band weighs most. (M,) in Hz, float64"""
    return torch.tensor(mel_frequencies(config.n_mels + 2, config.f_min, config.f_max)[1:-1], dtype=torch.float64)


def smoothing_over_bands(centres: Tensor, width_hz: float) -> Tensor:
    """A Gaussian mean over bands, each by the width it covers. (M,) -> (M, M)"""
    weights = torch.exp(-0.5 * ((centres[:, None] - centres) / width_hz) ** 2) * torch.gradient(centres)[0]
    return weights / weights.sum(dim=1, keepdim=True)


class LogMel(nn.Module):
    """Samples to log-mel; agrees with `peewee_model.audio.mel.log_mel`, which makes the data, to 1e-4."""

    filter_bank: Tensor
    window: Tensor

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("filter_bank", torch.tensor(mel_filter_bank(config)), persistent=False)
        self.register_buffer("window", torch.hann_window(config.win_length), persistent=False)

    def forward(self, samples: Tensor) -> Tensor:
        """Natural log of mel bands of the magnitude spectrum; T = 1 + S // hop_length. (B, S) -> (B, M, T)."""
        magnitude = short_time_spectrum(samples, self.window, self.config).abs()
        return torch.log((self.filter_bank @ magnitude).clamp(min=self.config.log_floor))


def short_time_spectrum(samples: Tensor, window: Tensor, config: MelConfig) -> Tensor:
    """Centred frames between zeros, as in `peewee_model.audio.mel`. (B, S) -> complex (B, n_fft // 2 + 1, T)."""
    return torch.stft(
        samples,
        config.n_fft,
        config.hop_length,
        config.win_length,
        window=window,
        center=True,
        pad_mode="constant",
        return_complex=True,
    )

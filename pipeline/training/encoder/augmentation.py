"""Augments the mels of partial utterances: other rooms, microphones and noises.

Stages exchange tables of mels, so there are no samples to which noise could be added. A log-mel is the logarithm of
magnitudes, so the exponential of twice a log-mel is used as the power of a band. Powers of independent sounds add up.
Random numbers are drawn on the device, from a generator with the batch's seed: the same batch gives the same mels.
"""

import math
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Generator, Tensor

from peewee_model.audio.mel import MelConfig, mel_filter_bank, mel_frequencies
from pipeline.params.params import Section

_NEPER_PER_DB = math.log(10) / 20
_HANN_BINS = 1.5
"""Equivalent noise bandwidth of a Hann window."""
_N_EQUALIZER_POINTS = 5


class Noise(Section):
    """Steady noise (`encoder.training.augmentation.noise`)."""

    probability: float = Field(ge=0, le=1)
    """Share of partial utterances that get it; 0 for none."""
    snr_min_db: float
    """Lowest ratio of speech to noise in dB, over all bands together."""
    snr_max_db: float
    """And at most this."""
    max_tilt_db: float = Field(ge=0)
    """The highest band's noise is at most this much below the lowest band's; 0 for white noise only."""


class Babble(Section):
    """Other voices of the batch, mixed (`encoder.training.augmentation.babble`)."""

    probability: float = Field(ge=0, le=1)
    """Share of partial utterances that get it; 0 for none."""
    snr_min_db: float
    """Lowest ratio of speech to babble in dB."""
    snr_max_db: float
    """And at most this."""
    n_voices: int = Field(ge=1)
    """Voices that speak at once. ECAPA-TDNN's recipe has 3 to 7."""


class Reverberation(Section):
    """A room's decay (`encoder.training.augmentation.reverberation`)."""

    probability: float = Field(ge=0, le=1)
    """Share of partial utterances that get it; 0 for none."""
    rt60_min_s: float = Field(gt=0)
    """Shortest time in which a sound falls by 60 dB, in the lowest band. Seconds."""
    rt60_max_s: float = Field(gt=0)
    """Longest such time. The highest band decays in a random half to whole of it, as by air and curtains."""
    direct_min_db: float
    """Lowest ratio of direct sound to the whole energy of the decay in dB."""
    direct_max_db: float
    """And at most this."""


class Band(Section):
    """A telephone, or a recording at a lower rate (`encoder.training.augmentation.band`)."""

    probability: float = Field(ge=0, le=1)
    """Share of partial utterances whose low, and share whose high frequencies are cut; 0 for none."""
    low_max_hz: float = Field(gt=0)
    """Highest frequency up to which the low ones are cut."""
    high_min_hz: float = Field(gt=0)
    """Lowest frequency from which the high ones are cut; the highest one is the mels'."""
    slope_min_db: float = Field(ge=0)
    """An octave beyond, the band is at least this much softer. dB"""
    slope_max_db: float = Field(ge=0)
    """And at most this."""


class Masks(Section):
    """SpecAugment (`encoder.training.augmentation.masks`). Park et al. 2019, arXiv:1904.08779."""

    n_time: int = Field(ge=0)
    """Spans of frames that are replaced by the band's mean; 0 for none."""
    time_frames: int = Field(ge=0)
    """Frames in a span, at most. ECAPA-TDNN's paper has 5, of 200."""
    n_frequency: int = Field(ge=0)
    """Spans of bands that are replaced by the partial utterance's mean; 0 for none."""
    frequency_bands: int = Field(ge=0)
    """Bands in a span, at most. ECAPA-TDNN's paper has 10, of 80."""


class Augmentation(Section):
    """`encoder.training.augmentation`: changes of partial utterances; each can be switched off."""

    speeds: list[Annotated[float, Field(gt=0)]]
    """Each speaker at each of these speeds, with pitch and formants changed too, is a further speaker; none if empty.
    ECAPA-TDNN's recipe has 0.9 and 1.1."""
    max_tempo_change: float = Field(ge=0, lt=1)
    """Partial utterances are stretched in time by up to this share, the voice unchanged; 0 for never."""
    reverberation: Reverberation
    babble: Babble
    noise: Noise
    band: Band
    equalizer_db: float = Field(ge=0)
    """A smooth random curve over the bands, up to this much up or down; 0 for none."""
    gain_db: float = Field(ge=0)
    """Louder or softer by up to this; 0 for never."""
    masks: Masks


class SpeakerAugmentation:
    """Applies all settings except speeds and tempo, which are applied when partial utterances are cut.

    Args:
        settings: What to do.
        mel: Which mels.
    """

    def __init__(self, settings: Augmentation, mel: MelConfig) -> None:
        self._settings = settings
        self._mel = mel
        bank = mel_filter_bank(mel).astype(np.float64)
        n_bins = bank.sum(axis=1) ** 2 / np.maximum((bank**2).sum(axis=1), 1e-30)
        n_bins /= _HANN_BINS * mel.n_fft / mel.win_length  # neighbouring bins are correlated
        self._n_bins = torch.from_numpy(np.maximum(n_bins, 1.0)).float()[None, :, None]
        s = settings
        self._adds_power = max(s.reverberation.probability, s.babble.probability, s.noise.probability) > 0
        self._changes_level = self._adds_power or max(s.equalizer_db, s.gain_db, s.band.probability) > 0
        self._octaves = torch.from_numpy(np.log2(mel_frequencies(mel.n_mels + 2, mel.f_min, mel.f_max)[1:-1])).float()
        self._masks = s.masks.n_time * s.masks.time_frames + s.masks.n_frequency * s.masks.frequency_bands > 0

    def __call__(self, mels: Tensor, seed: int) -> Tensor:
        """Change partial utterances, each in its own way.

        Args:
            mels: Log-mel, natural log of magnitude. (B, M, T)
            seed: Seed of the random numbers.

        Returns: The changed mels, not below the mels' floor. (B, M, T)
        """
        draw = _Draw(seed, mels)
        if self._adds_power:
            power = torch.exp(2 * mels)
            if self._settings.reverberation.probability:
                power = self._reverberate(power, draw)
            speech = power
            if self._settings.babble.probability:
                power = power + self._babble(speech, draw)
            if self._settings.noise.probability:
                power = power + self._noise(speech, draw)
            mels = 0.5 * torch.log(power)
        if self._settings.equalizer_db:
            mels = mels + self._curve(mels.shape[1], draw)
        if self._settings.band.probability:
            mels = mels + self._band(draw)
        if self._settings.gain_db:
            mels = mels + _NEPER_PER_DB * draw.between(-self._settings.gain_db, self._settings.gain_db)
        if self._changes_level:
            mels = mels.clamp(min=math.log(self._mel.log_floor))
        return self._mask(mels, draw) if self._masks else mels

    def _reverberate(self, power: Tensor, draw: "_Draw") -> Tensor:
        """Add an exponential decay of the frames before, by band; the total power stays.

        Before the first frame, the room is assumed to contain the partial utterance's mean, as in a longer recording.
        The decay y[t] = x[t] + d y[t - 1] is summed in steps of doubling length: log2(T) passes, no loop over frames.
        """
        settings, n_mels, n_frames = self._settings.reverberation, power.shape[1], power.shape[2]
        hop_s = self._mel.hop_length / self._mel.sample_rate
        shorter = 1 - 0.5 * draw.uniform() * torch.linspace(0, 1, n_mels, device=power.device)[None, :, None]
        rt60_s = draw.between(settings.rt60_min_s, settings.rt60_max_s) * shorter
        decay = torch.exp(-6 * math.log(10) * hop_s / rt60_s)  # (B, M, 1): 60 dB of power are a factor of 1e-6
        ages = torch.arange(1, n_frames + 1, device=power.device)
        tail, reach = power, 1
        while reach < n_frames:
            late = torch.nn.functional.pad(tail[:, :, :-reach], (reach, 0))
            tail = tail + decay**reach * late
            reach *= 2
        tail = tail + decay**ages / (1 - decay) * power.mean(dim=2, keepdim=True)
        direct = _ratio(draw.between(settings.direct_min_db, settings.direct_max_db))
        wet = draw.happens(settings.probability) / (1 + direct)
        return (1 - wet) * power + wet * (1 - decay) * tail

    def _babble(self, power: Tensor, draw: "_Draw") -> Tensor:
        """Other partial utterances of the batch, equally loud, at a random level below this one. (B, M, T)"""
        settings = self._settings.babble
        total = _total(power)
        level = power / total
        voices = [level[draw.order()] for _ in range(settings.n_voices)]
        ratio = draw.happens(settings.probability) / _ratio(draw.between(settings.snr_min_db, settings.snr_max_db))
        return torch.stack(voices).mean(dim=0) * total * ratio

    def _noise(self, power: Tensor, draw: "_Draw") -> Tensor:
        """Make the mel of Gaussian noise with a random slope. (B, M, T)

        A band's power is a sum over its bins and gamma distributed, steadier for wider bands; the gamma distribution is
        drawn by Wilson and Hilferty's cube of a normal one.
        """
        settings, n_mels = self._settings.noise, power.shape[1]
        down = torch.linspace(0, 1, n_mels, device=power.device)[None, :, None]
        colour = _ratio(-settings.max_tilt_db * draw.uniform() * down)
        ninth = 1 / (9 * self._n_bins.to(power.device))
        flicker = (1 - ninth + ninth.sqrt() * draw.normal(power.shape)).clamp(min=0).pow(3)
        ratio = draw.happens(settings.probability) / _ratio(draw.between(settings.snr_min_db, settings.snr_max_db))
        return colour / colour.sum(dim=1, keepdim=True) * _total(power) * ratio * flicker

    def _curve(self, n_mels: int, draw: "_Draw") -> Tensor:
        """Offsets of the bands, linear between a few random points. (B, M, 1)"""
        limit = _NEPER_PER_DB * self._settings.equalizer_db
        points = (2 * draw.uniform(_N_EQUALIZER_POINTS) - 1) * limit
        curve = torch.nn.functional.interpolate(points.transpose(1, 2), n_mels, mode="linear", align_corners=True)
        return curve.transpose(1, 2)

    def _band(self, draw: "_Draw") -> Tensor:
        """Offsets of bands below a low and above a high frequency, in proportion to octaves. (B, M, 1)"""
        settings, octaves = self._settings.band, self._octaves.to(draw.device)[None, :, None]
        slope = _NEPER_PER_DB * draw.between(settings.slope_min_db, settings.slope_max_db)
        low = draw.between(float(octaves[0, 0, 0]), math.log2(settings.low_max_hz))
        high = draw.between(math.log2(settings.high_min_hz), math.log2(self._mel.f_max))
        below = (low - octaves).clamp(min=0) * draw.happens(settings.probability)
        above = (octaves - high).clamp(min=0) * draw.happens(settings.probability)
        return -slope * (below + above)

    def _mask(self, mels: Tensor, draw: "_Draw") -> Tensor:
        settings, (_, n_mels, n_frames) = self._settings.masks, mels.shape
        of_band = mels.mean(dim=2, keepdim=True)
        of_all = of_band.mean(dim=1, keepdim=True)
        for _ in range(settings.n_time if settings.time_frames else 0):
            mels = torch.where(draw.span(n_frames, settings.time_frames)[:, None, :], of_band, mels)
        for _ in range(settings.n_frequency if settings.frequency_bands else 0):
            mels = torch.where(draw.span(n_mels, settings.frequency_bands)[:, :, None], of_all, mels)
        return mels


class _Draw:
    """Random numbers for each item of a batch."""

    def __init__(self, seed: int, mels: Tensor) -> None:
        self._n_items, self.device = len(mels), mels.device
        self._generator = Generator(device=mels.device).manual_seed(seed)

    def uniform(self, n: int = 1) -> Tensor:
        """In [0, 1). (B, n, 1)"""
        return torch.rand((self._n_items, n, 1), generator=self._generator, device=self.device)

    def between(self, low: float, high: float) -> Tensor:
        """(B, 1, 1)"""
        return low + (high - low) * self.uniform()

    def happens(self, probability: float) -> Tensor:
        """1 for some items, 0 for the others. (B, 1, 1)"""
        return (self.uniform() < probability).float()

    def normal(self, shape: torch.Size) -> Tensor:
        """Of mean 0 and variance 1."""
        return torch.randn(shape, generator=self._generator, device=self.device)

    def order(self) -> Tensor:
        """The items in another order. (B,)"""
        return torch.randperm(self._n_items, generator=self._generator, device=self.device)

    def span(self, n: int, longest: int) -> Tensor:
        """Mark a span of 0 to `longest` of n places in each item. (B, n) of bool"""
        length = (self.uniform()[:, :, 0] * (min(longest, n) + 1)).floor()
        start = (self.uniform()[:, :, 0] * (n - length + 1)).floor()
        place = torch.arange(n, device=self.device)[None]
        return (place >= start) & (place < start + length)


def _ratio(decibels: Tensor) -> Tensor:
    """Ratio of powers."""
    return torch.exp(2 * _NEPER_PER_DB * decibels)


def _total(power: Tensor) -> Tensor:
    """Power of all bands, mean over time. (B, M, T) -> (B, 1, 1)"""
    return power.sum(dim=1).mean(dim=1)[:, None, None]

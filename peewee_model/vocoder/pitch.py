"""Finds the fundamental frequency of a voice in its log-mel: a small network, and the likeliest path through time."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

_MAX_COST = 6.0  # nats, of a jump over any number of bins: a voice may begin again elsewhere
_BIN_COST = 0.3  # nats a bin, between two frames
_SWITCH_COST = 2.0  # nats, between voiced and unvoiced
_TINY = 1e-12


class PitchArchitecture(BaseModel):
    """Sizes of the pitch network (`vocoder.source_filter.pitch` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    f_min: float = Field(gt=0)
    """Hz, centre of the lowest bin. Low voices of men reach 60."""
    f_max: float = Field(gt=0)
    """Hz, end of the highest bin. 500 holds nearly all read speech."""
    bins_per_octave: int = Field(ge=1)
    """Bins of equal width in an octave. 24 are a quarter tone each."""
    channels: int = Field(ge=1)
    """Channels of each convolution."""
    kernel_size: int = Field(ge=1)
    """Frames that a convolution reads; odd."""
    n_layers: int = Field(ge=1)
    """Convolutions before the last."""

    @model_validator(mode="after")
    def _consistent(self) -> "PitchArchitecture":
        if self.f_max <= self.f_min:
            raise ValueError(f"pitch f_max {self.f_max:g} Hz must be above f_min {self.f_min:g} Hz")
        if self.kernel_size % 2 == 0:
            raise ValueError(f"pitch kernel_size is {self.kernel_size}; make it odd, so that frames keep their places")
        return self

    @property
    def n_bins(self) -> int:
        """Bins between f_min and f_max."""
        return math.ceil(self.bins_per_octave * math.log2(self.f_max / self.f_min))


class PitchNetwork(nn.Module):
    """Convolutions over the frames of a log-mel; for each frame, a logit for each bin of pitch and one for "unvoiced".

    Source:
        Kim et al. 2018, arXiv:1802.06182 (CREPE): pitch as classes, with a Gaussian around the true one as the target.
        There the input is samples; here it is the mel that the vocoder receives.
    """

    def __init__(self, n_mels: int, architecture: PitchArchitecture) -> None:
        super().__init__()
        self.architecture = architecture
        channels, size = architecture.channels, architecture.kernel_size
        self.layers = nn.ModuleList()
        self.norms = nn.ModuleList()
        for layer in range(architecture.n_layers):
            self.layers.append(nn.Conv1d(channels if layer else n_mels, channels, size, padding=size // 2))
            self.norms.append(nn.GroupNorm(1, channels))
        self.output = nn.Conv1d(channels, architecture.n_bins + 1, kernel_size=1)

    def forward(self, mel: Tensor) -> Tensor:
        """(B, M, T) natural log of magnitude -> (B, n_bins + 1, T) logits; the last is that of "unvoiced"."""
        hidden = mel / 2 + 2.5  # speech is between -7 and 0
        for layer, norm in zip(self.layers, self.norms, strict=True):
            hidden = norm(torch.relu(layer(hidden)))
        logits: Tensor = self.output(hidden)
        return logits

    @torch.inference_mode()
    def track(self, mel: Tensor) -> NDArray[np.float64]:
        """Find the pitch of each frame: (M, T) -> (T,) in Hz, 0 where unvoiced."""
        probabilities = torch.softmax(self(mel[None])[0].double(), dim=0).T.cpu().numpy()
        bins, unvoiced = probabilities[:, :-1], probabilities[:, -1:]
        # Where the pitch is uncertain, each bin is less likely than "unvoiced", though a voice is likelier than none:
        # the likeliest bin gets the probability of all bins together.
        voiced = (1 - unvoiced) * bins / bins.max(axis=1, keepdims=True).clip(min=_TINY)
        path = likeliest_path(np.log(np.concatenate([voiced, unvoiced], axis=1).clip(min=_TINY)))
        return self._frequencies(bins, path)

    def _frequencies(self, probabilities: NDArray[np.float64], path: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean of the bins around the path's, weighted by their probabilities. (T, n_bins), (T,) -> (T,)."""
        n_bins = probabilities.shape[1]
        near = path[:, None] + np.arange(-2, 3)
        inside = (near >= 0) & (near < n_bins)
        weights = np.take_along_axis(probabilities, near.clip(0, n_bins - 1), axis=1) * inside + _TINY * inside
        bins = (weights * near).sum(axis=1) / weights.sum(axis=1).clip(min=_TINY)
        frequencies: NDArray[np.float64] = self.architecture.f_min * 2 ** (bins / self.architecture.bins_per_octave)
        return np.where(path < n_bins, frequencies, 0.0)


def likeliest_path(log_probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """Find the likeliest sequence of bins (Viterbi), where leaps and changes of voicing cost.

    Args:
        log_probabilities: Of each bin, and of "unvoiced" last. (T, n_bins + 1)

    Returns:
        Bins; n_bins is "unvoiced". (T,)
    """
    n_frames, n_states = log_probabilities.shape
    bins = np.arange(n_states)
    moves = -np.minimum(_BIN_COST * np.abs(bins[:, None] - bins), _MAX_COST)
    moves[-1, :] = moves[:, -1] = -_SWITCH_COST
    moves[-1, -1] = 0.0
    score = log_probabilities[0]
    came_from = np.zeros((n_frames, n_states), dtype=np.int64)
    for frame in range(1, n_frames):
        reached = score[:, None] + moves
        came_from[frame] = reached.argmax(axis=0)
        score = reached[came_from[frame], bins] + log_probabilities[frame]
    path = np.zeros(n_frames, dtype=np.int64)
    path[-1] = score.argmax()
    for frame in range(n_frames - 1, 0, -1):
        path[frame - 1] = came_from[frame, path[frame]]
    return path


def pitch_targets(frequencies: Tensor, architecture: PitchArchitecture) -> Tensor:
    """Describe pitches as probabilities of the network's classes, with a Gaussian of one bin around the true one.

    Args:
        frequencies: Hz, 0 where unvoiced. (..., T)

    Returns:
        (..., n_bins + 1, T); sums to 1 over the classes.
    """
    bins = architecture.bins_per_octave * torch.log2(frequencies.clamp(min=1.0) / architecture.f_min)
    bins = bins.clamp(0, architecture.n_bins - 1)  # a pitch beyond the bins is the nearest
    distance = torch.arange(architecture.n_bins, device=frequencies.device)[:, None] - bins[..., None, :]
    near = torch.exp(-0.5 * distance**2)
    voiced = (frequencies > 0).to(near)[..., None, :]
    return torch.cat([voiced * near / near.sum(dim=-2, keepdim=True), 1 - voiced], dim=-2)

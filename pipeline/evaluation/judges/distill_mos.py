"""Naturalness by Distill-MOS (Stahl and Gamper 2025, arXiv:2502.05356; MIT).

The package `distillmos` has the weights. Its code is not imported, because it imports torchaudio, whose wheel wants a
CUDA build of torch. The network is written here again; a test compares its scores with those of the original.
"""

import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from peewee_model.networks.device import flush_denormals
from pipeline.evaluation.judges.models import SAMPLE_RATE

_WINDOW = 122_880
"""Samples that the network receives: 7.68 s."""
_N_FFT, _HOP = 320, 160
_CHANNELS = (64, 64, 128, 256, 256, 256)
_DIM, _N_HEADS, _N_LAYERS, _N_POSITIONS = 200, 8, 7, 384


class DistillMos:
    """Estimates the quality of an utterance."""

    def __init__(self, folder: Path) -> None:
        flush_denormals()  # a worker is a process of its own
        weights = torch.load(folder / "distill_mos_v7.pt", map_location="cpu", weights_only=True)["model"]
        self._network = _Network()
        self._network.load_state_dict(weights)
        self._network.eval()

    def score(self, samples: NDArray[np.float32]) -> float:
        """Return the mean opinion score of an utterance, from 1 to 5.

        A short utterance is filled up with zeros. A long one has windows at most a second apart, whose scores are
        averaged.

        Args:
            samples: Mono at `SAMPLE_RATE`; not empty.
        """
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        padded = np.pad(samples, (0, max(0, _WINDOW - len(samples))))
        excess = len(padded) - _WINDOW
        starts = [int(share * excess) for share in np.linspace(0, 1, math.ceil(excess / SAMPLE_RATE) + 1)]
        with torch.inference_mode(), threadpool_limits(limits=1):
            scores = [float(self._network(torch.from_numpy(padded[start:][:_WINDOW])[None])) for start in starts]
        return float(np.mean(scores))


class _Network(nn.Module):
    """Convolutions over a compressed spectrum, a transformer, and attention that weights its frames."""

    def __init__(self) -> None:
        super().__init__()
        self.cnn = nn.ModuleDict({"cnn": _convolutions()})
        self.transformer_pool_attn = _Transformer()

    def forward(self, samples: Tensor) -> Tensor:
        """Return scores from 1 to 5. (B, S) -> (B,)"""
        samples = samples / (samples.abs().amax(dim=1, keepdim=True) + 1e-8)
        maps: Tensor = self.cnn["cnn"](_compressed_spectrum(samples))
        found: Tensor = self.transformer_pool_attn(maps.flatten(1, 2).transpose(1, 2))
        return 1 + 4 * found


class _Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        n_features = _CHANNELS[-1] * 4
        layer = nn.TransformerEncoderLayer(_DIM, _N_HEADS, dim_feedforward=2 * _DIM, dropout=0.0, batch_first=True)
        self.norm_input = nn.BatchNorm1d(n_features)
        self.transformer = nn.ModuleDict(
            {
                "norm": nn.BatchNorm1d(n_features),
                "linear_proj": nn.Linear(n_features, _DIM),
                "position_encoding": _Positions(),
                "transformer_encoder": nn.TransformerEncoder(layer, _N_LAYERS, enable_nested_tensor=False),
            }
        )
        self.norm_trans = nn.BatchNorm1d(_DIM)
        self.pool = nn.ModuleDict(
            {"linear1": nn.Linear(_DIM, 2 * _DIM), "linear2": nn.Linear(2 * _DIM, 1), "linear3": nn.Linear(_DIM, 1)}
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return scores from 0 to 1. (B, T, C) -> (B,)"""
        inner = self.transformer
        x = inner["norm"](self.norm_input(features.transpose(1, 2))).transpose(1, 2)
        x = inner["transformer_encoder"](inner["position_encoding"](inner["linear_proj"](x)))
        x = self.norm_trans(x.transpose(1, 2)).transpose(1, 2)
        weights = self.pool["linear2"](F.relu(self.pool["linear1"](x))).softmax(dim=1)
        pooled: Tensor = self.pool["linear3"]((weights * x).sum(dim=1))
        return pooled.squeeze(1).sigmoid()


class _Positions(nn.Module):
    pe: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("pe", torch.zeros(1, _N_POSITIONS, _DIM))  # from the weights

    def forward(self, x: Tensor) -> Tensor:
        return x + self.pe


def _convolutions() -> nn.Sequential:
    layers: list[nn.Module] = []
    n_in = 2
    for place, n_out in enumerate(_CHANNELS):
        stride = (1 if place == 0 else 2, 2 if place == len(_CHANNELS) - 1 else 1)
        layers += [nn.Conv2d(n_in, n_out, (3, 3), stride=stride, padding=(0, 1)), nn.LeakyReLU(0.1)]
        n_in = n_out
    return nn.Sequential(*layers)


def _compressed_spectrum(samples: Tensor) -> Tensor:
    """Return the spectrum, real and imaginary part, its magnitude to the power of 0.3. (B, S) -> (B, 2, F, T)"""
    edge = (_N_FFT - _HOP) // 2
    padded = F.pad(samples, (edge, edge), mode="reflect")
    window = torch.hann_window(_N_FFT)
    spectrum = torch.stft(padded, _N_FFT, _HOP, window=window, center=False, return_complex=True)
    parts = torch.view_as_real(spectrum)
    magnitude = parts.square().sum(dim=-1, keepdim=True).sqrt().clip(1e-12)
    return (magnitude**0.3 * parts / magnitude).permute(0, 3, 1, 2)

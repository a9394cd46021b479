"""A TDNN: a few dilated convolutions over time, pooled with attention. Small and fast.

Source:
    Snyder et al. 2018, "X-vectors: robust DNN embeddings for speaker recognition".
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.encoder.config import TdnnSizes
from peewee_model.encoder.pooling import AttentiveStatistics, band_statistics


class Layer(nn.Module):
    """Convolution, ReLU, batch norm; the edges are padded with zeros."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int = 1, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.convolution = nn.Conv1d(n_in, n_out, kernel_size, stride, padding, dilation)
        self.norm = nn.BatchNorm1d(n_out)

    def forward(self, values: Tensor) -> Tensor:
        """(B, C, T) -> (B, C', ceil(T / stride))"""
        normed: Tensor = self.norm(F.relu(self.convolution(values)))
        return normed


class Tdnn(nn.Module):
    """Convolutions, attentive statistics, batch norm, embedding, batch norm.

    Deviations from the paper: the pooling is ECAPA-TDNN's, one layer follows it instead of two, and the embedding is
    taken behind it; the statistics of the input may join those of the convolutions (`input_statistics`).
    """

    def __init__(self, n_mels: int, sizes: TdnnSizes) -> None:
        super().__init__()
        widths = [n_mels, *[sizes.channels] * len(sizes.kernel_sizes)]
        strides = [sizes.stride, *[1] * len(sizes.kernel_sizes)]
        self.layers = nn.Sequential(
            *(
                Layer(widths[index], sizes.channels, kernel, dilation, strides[index])
                for index, (kernel, dilation) in enumerate(zip(sizes.kernel_sizes, sizes.dilations, strict=True))
            )
        )
        self.pooling = AttentiveStatistics(sizes.channels, sizes.attention_channels) if sizes.kernel_sizes else None
        self._hears_statistics = sizes.input_statistics
        width = (2 * sizes.channels if self.pooling else 0) + (3 * n_mels if sizes.input_statistics else 0)
        self.pooled_norm = nn.BatchNorm1d(width)
        self.projection = nn.Linear(width, sizes.embedding_dim)
        self.embedding_norm = nn.BatchNorm1d(sizes.embedding_dim)

    def forward(self, mel: Tensor) -> Tensor:
        """Embed, without normalising.

        Args:
            mel: Normalised mels. (B, M, T)

        Returns:
            (B, E)
        """
        pooled = [self.pooling(self.layers(mel))] if self.pooling is not None else []
        if self._hears_statistics:
            pooled.append(band_statistics(mel))
        embedded: Tensor = self.embedding_norm(self.projection(self.pooled_norm(torch.cat(pooled, dim=1))))
        return embedded

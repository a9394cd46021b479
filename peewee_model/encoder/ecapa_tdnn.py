"""ECAPA-TDNN: dilated convolutions over time, in residual blocks that weigh their channels.

Source:
    Desplanques et al. 2020, arXiv:2005.07143.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.encoder.config import EcapaTdnnSizes
from peewee_model.encoder.pooling import AttentiveStatistics, band_statistics
from peewee_model.encoder.tdnn import Layer


class _Res2(nn.Module):
    """Convolve groups of channels one after the other. (B, C, T)

    The first group stays as it is. Each later group is convolved; from the third on, the result of the group before is
    added first.

    Source:
        Gao et al. 2019, arXiv:1904.01169.
    """

    def __init__(self, channels: int, scale: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        width = channels // scale
        self.layers = nn.ModuleList(Layer(width, width, kernel_size, dilation) for _ in range(scale - 1))

    def forward(self, values: Tensor) -> Tensor:
        groups = values.chunk(len(self.layers) + 1, dim=1)
        results = [groups[0]]
        for index, layer in enumerate(self.layers):
            features = groups[index + 1] if index == 0 else groups[index + 1] + results[-1]
            results.append(layer(features))
        return torch.cat(results, dim=1)


class _SqueezeExcitation(nn.Module):
    """Weigh each channel by what all channels did over the whole utterance. (B, C, T)

    Source:
        Hu et al. 2018, arXiv:1709.01507.
    """

    def __init__(self, channels: int, bottleneck: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, bottleneck)
        self.excite = nn.Linear(bottleneck, channels)

    def forward(self, values: Tensor) -> Tensor:
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(values.mean(dim=2)))))
        return values * gate[:, :, None]


class _Block(nn.Module):
    """1x1, Res2, 1x1, squeeze and excitation; the input is added to the result. (B, C, T)"""

    def __init__(self, sizes: EcapaTdnnSizes, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            Layer(sizes.channels, sizes.channels),
            _Res2(sizes.channels, sizes.res2_scale, kernel_size, dilation),
            Layer(sizes.channels, sizes.channels),
            _SqueezeExcitation(sizes.channels, sizes.se_channels),
        )

    def forward(self, values: Tensor) -> Tensor:
        changed: Tensor = self.layers(values)
        return values + changed


class EcapaTdnn(nn.Module):
    """The network of the paper's figure 2, up to the embedding.

    Two details follow the authors' recipes: a block receives the sum of the outputs of all blocks before it
    (section 3.3), and batch norm follows the pooling and the embedding.
    """

    def __init__(self, n_mels: int, sizes: EcapaTdnnSizes) -> None:
        super().__init__()
        (first_kernel, *kernels), (first_dilation, *dilations) = sizes.kernel_sizes, sizes.dilations
        self.first = Layer(n_mels, sizes.channels, first_kernel, first_dilation, sizes.stride)
        pairs = zip(kernels, dilations, strict=True)
        self.blocks = nn.ModuleList(_Block(sizes, kernel, dilation) for kernel, dilation in pairs)
        self.aggregation = nn.Conv1d(len(self.blocks) * sizes.channels, sizes.mfa_channels, 1)
        self.pooling = AttentiveStatistics(sizes.mfa_channels, sizes.attention_channels)
        self._hears_statistics = sizes.input_statistics
        width = 2 * sizes.mfa_channels + (3 * n_mels if sizes.input_statistics else 0)
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
        features = self.first(mel)
        results: list[Tensor] = []
        for block in self.blocks:
            results.append(block(features))
            features = features + results[-1]
        aggregated = F.relu(self.aggregation(torch.cat(results, dim=1)))
        pooled = self.pooling(aggregated)
        if self._hears_statistics:
            pooled = torch.cat([pooled, band_statistics(mel)], dim=1)
        embedded: Tensor = self.embedding_norm(self.projection(self.pooled_norm(pooled)))
        return embedded

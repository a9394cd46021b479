"""The prenet: it reduces the previous frame before the decoder receives it."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.synthesizer.layers import dropout, xavier
from peewee_model.synthesizer.tacotron2.config import Tacotron2Sizes


class Prenet(nn.Module):
    """Two layers that reduce the previous frame; dropout, at inference too, makes the decoder need attention."""

    def __init__(self, n_mels: int, sizes: Tacotron2Sizes) -> None:
        super().__init__()
        widths = (n_mels, sizes.prenet_dim, sizes.prenet_dim)
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out, bias=False) for n_in, n_out in pairwise(widths))
        self.n_out = sizes.prenet_dim
        self.dropout = sizes.prenet_dropout
        for layer in self.layers:
            assert isinstance(layer, nn.Linear)
            xavier(layer, "linear")

    def forward(self, frames: Tensor, *, drop: bool, generator: torch.Generator | None = None) -> Tensor:
        """Squeeze frames.

        Args:
            frames: (..., M)
            drop: Whether dropout is on.
            generator: Where its randomness comes from; None for torch's global one.

        Returns:
            (..., prenet_dim)
        """
        for layer in self.layers:
            frames = F.relu(layer(frames))
            if drop:
                frames = dropout(frames, self.dropout, generator)
        return frames

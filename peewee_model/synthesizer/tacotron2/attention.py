"""Location-sensitive attention: its weights.

`attention_loop` runs all decoder steps of a known mel, and `inference` runs one step at a time. Tests compare both with
a simple implementation (`plain_attention`).

Source: Chorowski et al. 2015, arXiv:1506.07503; as used in arXiv:1712.05884, section 2.2.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from peewee_model.synthesizer.layers import xavier
from peewee_model.synthesizer.tacotron2.config import Tacotron2Sizes


class AttentionWeights(NamedTuple):
    """The weights of a decoder step. H: attention LSTM's units, D: memory's, A: compared dimensions."""

    recurrent: Tensor
    """From [hidden; context] to the LSTM's gates, in the order input, forget, cell, output. (4H, H + D)"""
    query: Tensor
    """(A, H)"""
    location: Tensor
    """Location filters and the layer after them in one kernel, over [previous; cumulated] alignment. (A, 2, K)"""
    score: Tensor
    """(A,)"""


class Memory(NamedTuple):
    """The encoded text that attention looks at."""

    values: Tensor
    """(B, L, D)"""
    keys: Tensor
    """(B, L, A)"""
    mask: Tensor
    """True where valid. (B, L)"""


class LocationSensitiveAttention(nn.Module):
    """Holds the attention's weights; the decoder's loops use them."""

    def __init__(self, sizes: Tacotron2Sizes, memory_dim: int) -> None:
        super().__init__()
        n, n_filters = sizes.attention_dim, sizes.attention_location_n_filters
        kernel_size = sizes.attention_location_kernel_size
        self.query = nn.Linear(sizes.attention_rnn_dim, n, bias=False)
        self.memory = nn.Linear(memory_dim, n, bias=False)
        self.score = nn.Linear(n, 1, bias=False)
        self.location_conv = nn.Conv1d(2, n_filters, kernel_size, padding=kernel_size // 2, bias=False)
        self.location_dense = nn.Linear(n_filters, n, bias=False)
        for compared in (self.query, self.memory, self.location_dense):
            xavier(compared, "tanh")
        xavier(self.score, "linear")
        xavier(self.location_conv, "linear")

    def location_kernel(self) -> Tensor:
        """Fuse the location filters and the layer after them: nothing is between the two. (A, 2, K)"""
        return torch.einsum("af,fck->ack", self.location_dense.weight, self.location_conv.weight)

"""Location-sensitive attention: its weights, and one decoder step of it, plainly written.

`attention_loop` does the same for all the steps of a known mel at once, `inference` for a mel that is not known yet;
tests hold both to the step that stands here.

Source: Chorowski et al. 2015, arXiv:1506.07503; as used in arXiv:1712.05884, section 2.2.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.synthesizer.config import SynthesizerConfig
from peewee_model.synthesizer.layers import xavier


class AttentionWeights(NamedTuple):
    """The weights of a step, as the step uses them. H: attention LSTM's units, D: memory's, A: compared dimensions."""

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


class AttentionState(NamedTuple):
    """What one step hands to the next."""

    hidden: Tensor
    """(B, H)"""
    cell: Tensor
    """(B, H)"""
    context: Tensor
    """(B, D)"""
    alignment: Tensor
    """Where the last step looked. (B, L)"""
    cumulated: Tensor
    """Sum of the alignments so far. (B, L)"""


def initial_state(memory: Memory, weights: AttentionWeights) -> AttentionState:
    """All zero."""
    n_items, n_tokens, n_context = memory.values.shape
    n_hidden = weights.query.shape[1]
    sizes = (n_hidden, n_hidden, n_context, n_tokens, n_tokens)
    return AttentionState(*(memory.values.new_zeros(n_items, size) for size in sizes))


def attention_step(
    input_gates: Tensor,
    state: AttentionState,
    memory: Memory,
    weights: AttentionWeights,
    *,
    dropout_mask: Tensor | None = None,
    window: Tensor | None = None,
) -> AttentionState:
    """Take one decoder step.

    Args:
        input_gates: What the prenet and the biases give to the LSTM's gates. (B, 4H)
        state: The step before.
        memory: The encoded text.
        weights: The weights.
        dropout_mask: Multiplies the new hidden state. (B, H)
        window: True for tokens that may be looked at; None for all. (B, L)
    """
    gates = input_gates + F.linear(torch.cat((state.hidden, state.context), dim=1), weights.recurrent)
    in_gate, forget_gate, cell_gate, out_gate = gates.chunk(4, dim=1)
    cell = forget_gate.sigmoid() * state.cell + in_gate.sigmoid() * cell_gate.tanh()
    hidden = out_gate.sigmoid() * cell.tanh()
    if dropout_mask is not None:
        hidden = hidden * dropout_mask
    seen = torch.stack((state.alignment, state.cumulated), dim=1)
    location = F.conv1d(seen, weights.location, padding=weights.location.shape[2] // 2).transpose(1, 2)  # (B, L, A)
    energies = torch.tanh(memory.keys + F.linear(hidden, weights.query)[:, None] + location) @ weights.score
    allowed = memory.mask if window is None else memory.mask & window
    alignment = energies.masked_fill(~allowed, -torch.inf).softmax(dim=1)
    context = torch.bmm(alignment[:, None], memory.values)[:, 0]
    return AttentionState(hidden, cell, context, alignment, state.cumulated + alignment)


class LocationSensitiveAttention(nn.Module):
    """Holds the attention's weights; the decoder's loops use them."""

    def __init__(self, config: SynthesizerConfig, memory_dim: int) -> None:
        super().__init__()
        n, n_filters = config.attention_dim, config.attention_location_n_filters
        kernel_size = config.attention_location_kernel_size
        self.query = nn.Linear(config.attention_rnn_dim, n, bias=False)
        self.memory = nn.Linear(memory_dim, n, bias=False)
        self.score = nn.Linear(n, 1, bias=False)
        self.location_conv = nn.Conv1d(2, n_filters, kernel_size, padding=kernel_size // 2, bias=False)
        self.location_dense = nn.Linear(n_filters, n, bias=False)
        for compared in (self.query, self.memory, self.location_dense):
            xavier(compared, "tanh")
        xavier(self.score, "linear")
        xavier(self.location_conv, "linear")

    def location_kernel(self) -> Tensor:
        """Fuse the location filters and the layer after them: nothing stands between the two. (A, 2, K)"""
        return torch.einsum("af,fck->ack", self.location_dense.weight, self.location_conv.weight)

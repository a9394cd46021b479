"""A decoder step of location-sensitive attention, written plainly: what the fast ways through it are compared with.

Source: Chorowski et al. 2015, arXiv:1506.07503; as used in arXiv:1712.05884, section 2.2.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class AttentionState(NamedTuple):
    """What one step gives to the next."""

    hidden: Tensor
    """(B, H)"""
    cell: Tensor
    """(B, H)"""
    context: Tensor
    """(B, D)"""
    alignment: Tensor
    """The last step's. (B, L)"""
    cumulated: Tensor
    """Sum of the alignments so far. (B, L)"""


def initial_state(memory, weights):
    """All zero."""
    n_items, n_tokens, n_context = memory.values.shape
    n_hidden = weights.query.shape[1]
    sizes = (n_hidden, n_hidden, n_context, n_tokens, n_tokens)
    return AttentionState(*(memory.values.new_zeros(n_items, size) for size in sizes))


def attention_step(input_gates, state, memory, weights, *, dropout_mask=None):
    """Take one decoder step.

    Args:
        input_gates: What the prenet and the biases give to the LSTM's gates. (B, 4H)
        state: The step before.
        memory: The encoded text.
        weights: The weights.
        dropout_mask: Multiplies the new hidden state. (B, H)
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
    alignment = energies.masked_fill(~memory.mask, -torch.inf).softmax(dim=1)
    context = torch.bmm(alignment[:, None], memory.values)[:, 0]
    return AttentionState(hidden, cell, context, alignment, state.cumulated + alignment)

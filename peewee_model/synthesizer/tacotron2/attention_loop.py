"""All the decoder's attention steps for a known mel (teacher forcing), with a backward pass written by hand.

The results are those of `attention_step` in a loop. What makes it fast:
- the backward pass leaves the weights' gradients for after the loop: one product over all steps instead of one sum
  into a matrix of megabytes at each step;
- the large matrices are packed once (`products`);
- the comparison of query, text and location is not stored. It is recomputed for several steps at a time, since all
  alignments are known in the backward pass;
- derivatives of the LSTM's gates are computed for several steps at a time;
- on CUDA, a step is about thirty launches, and each takes longer than its kernel. There, steps can be replayed as a
  graph (`attention_graphs`).
"""

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, Memory
from peewee_model.synthesizer.tacotron2.attention_chunks import BackwardSteps, Carry, ForwardSteps, Gradients, Record

_CHUNK_NUMBERS = 1 << 22
"""Numbers in a recomputed chunk of the comparison: 16 MB of float32, about the size of a CPU cache."""


class Given(NamedTuple):
    """The inputs of both passes."""

    memory: Memory
    weights: AttentionWeights
    dropout_masks: Tensor | None
    """(T', B, H)"""


class Passes(Protocol):
    """A way to run all steps."""

    def forward(self, input_gates: Tensor, given: Given) -> Record:
        """Do them forward. `input_gates` are (T', B, 4H)."""

    def backward(self, record: Record, given: Given, grad_states: Tensor, grad_alignment: Tensor) -> Gradients:
        """Do them backward. (T', B, H + D), (T', B, L)"""


class PlainPasses:
    """Step by step over the whole mel's tensors."""

    def forward(self, input_gates: Tensor, given: Given) -> Record:
        """Do all steps at once."""
        memory, weights, dropout_masks = given
        record = Record.zeros(len(input_gates), memory, weights)
        ForwardSteps(memory, excluded(memory), weights)(input_gates, dropout_masks, record)
        return record

    def backward(self, record: Record, given: Given, grad_states: Tensor, grad_alignment: Tensor) -> Gradients:
        """Do a few steps at a time, as `_CHUNK_NUMBERS` says."""
        memory, weights, dropout_masks = given
        steps = BackwardSteps(memory, weights)
        carry, found = Carry.zeros(memory, weights), Gradients.zeros(len(grad_states), memory, weights)
        n_chunk = max(1, _CHUNK_NUMBERS // memory.keys.numel())
        for start in reversed(range(0, len(grad_states), n_chunk)):
            stop = min(start + n_chunk, len(grad_states))
            masks = None if dropout_masks is None else dropout_masks[start:stop]
            grads = grad_states[start:stop], grad_alignment[start:stop]
            steps(record.part(start, stop), masks, *grads, carry, found.part(start, stop))
        return found


_PLAIN = PlainPasses()


def attention_loop(
    input_gates: Tensor,
    memory: Memory,
    weights: AttentionWeights,
    dropout_masks: Tensor | None,
    passes: Passes = _PLAIN,
) -> tuple[Tensor, Tensor]:
    """Run all steps.

    Args:
        input_gates: What the prenet and the biases give to the LSTM's gates. (T', B, 4H)
        memory: The encoded text.
        weights: The weights.
        dropout_masks: Multiply each step's new hidden state. (T', B, H)
        passes: How the steps are run. The results do not depend on it, except for rounding.

    Returns:
        [hidden; context] after each step (T', B, H + D), and the alignments (T', B, L).
    """
    states, alignment = _AttentionLoop.apply(  # type: ignore[no-untyped-call]
        input_gates, *memory, *weights, dropout_masks, passes
    )
    return states, alignment


def excluded(memory: Memory) -> Tensor:
    """-inf where attention may not look, else 0. (B, L)"""
    return torch.zeros_like(memory.mask, dtype=memory.values.dtype).masked_fill_(~memory.mask, -torch.inf)


class _AttentionLoop(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        input_gates: Tensor,
        values: Tensor,
        keys: Tensor,
        mask: Tensor,
        recurrent: Tensor,
        query: Tensor,
        location: Tensor,
        score: Tensor,
        dropout_masks: Tensor | None,
        passes: Passes,
    ) -> tuple[Tensor, Tensor]:
        memory, weights = Memory(values, keys, mask), AttentionWeights(recurrent, query, location, score)
        record = passes.forward(input_gates, Given(memory, weights, dropout_masks))
        ctx.save_for_backward(*record, *memory, *weights, dropout_masks)
        ctx.passes = passes
        return record.states[1:], record.alignments(keys.shape[1], location.shape[2]).contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor, grad_alignment: Tensor) -> tuple[Tensor | None, ...]:
        saved = ctx.saved_tensors
        record, memory, weights = Record(*saved[:4]), Memory(*saved[4:7]), AttentionWeights(*saved[7:11])
        found = ctx.passes.backward(record, Given(memory, weights, saved[11]), grad_states, grad_alignment)
        n_hidden = weights.query.shape[1]
        alignments = record.alignments(memory.keys.shape[1], weights.location.shape[2])
        grad_values = torch.bmm(alignments.permute(1, 2, 0), found.contexts.transpose(0, 1))
        grad_recurrent = found.gates.flatten(0, 1).t() @ record.states[:-1].flatten(0, 1)
        grad_query = found.queries.flatten(0, 1).t() @ record.states[1:, :, :n_hidden].flatten(0, 1)
        grad_weights = grad_recurrent, grad_query, found.location.view_as(weights.location), found.score
        return found.gates, grad_values, found.keys, None, *grad_weights, None, None

"""All the decoder's attention steps for a known mel (teacher forcing), with a backward pass written by hand.

Same results as `attention_step` in a loop. What makes it fast:
- the backward pass leaves the weights' gradients for after the loop: one product over all steps instead of one sum
  into a matrix of megabytes at each step;
- the large matrices are packed once (`products`);
- of a step's comparison of query, text and location nothing is kept: it is recomputed for several steps at a time,
  since all alignments are known by then;
- derivatives of the LSTM's gates are computed for several steps at a time.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from peewee_model.synthesizer.attention import AttentionWeights, Memory
from peewee_model.synthesizer.products import PackedWeight, outer_sum, product

_CHUNK_NUMBERS = 1 << 22
"""Numbers in a recomputed chunk of the comparison: 16 MB of float32, near a cache's size."""


def attention_loop(
    input_gates: Tensor, memory: Memory, weights: AttentionWeights, dropout_masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run all steps.

    Args:
        input_gates: What the prenet and the biases give to the LSTM's gates. (T', B, 4H)
        memory: The encoded text.
        weights: The weights.
        dropout_masks: Multiply each step's new hidden state. (T', B, H)

    Returns:
        [hidden; context] after each step (T', B, H + D), and the alignments (T', B, L).
    """
    states, alignment = _AttentionLoop.apply(  # type: ignore[no-untyped-call]
        input_gates, memory.values, memory.keys, memory.mask, *weights, dropout_masks
    )
    return states, alignment


def _windows(seen: Tensor, kernel_size: int) -> Tensor:
    """What location filters see at each token: (..., 2, L + K - 1) as (... x L, 2K)."""
    windows = seen.unfold(-1, kernel_size, 1).transpose(-3, -2)  # (..., L, 2, K)
    return windows.reshape(-1, 2 * kernel_size)


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
    ) -> tuple[Tensor, Tensor]:
        n_steps, n_items, _ = input_gates.shape
        (n_tokens, n_context), n_hidden = values.shape[1:], query.shape[1]
        kernel_size = location.shape[2]
        inner = slice(kernel_size // 2, kernel_size // 2 + n_tokens)
        recurrent_packed, query_packed = PackedWeight(recurrent, n_items), PackedWeight(query, n_items)
        location_packed = PackedWeight(location.flatten(1), n_items * n_tokens)
        excluded = torch.zeros_like(mask, dtype=values.dtype).masked_fill_(~mask, -torch.inf)

        # Row t is what step t starts from; activations of the gates; and cells with a zero row before the first.
        states = values.new_zeros(n_steps + 1, n_items, n_hidden + n_context)
        cells = values.new_zeros(n_steps + 1, n_items, n_hidden)
        seen = values.new_zeros(n_steps + 1, n_items, 2, n_tokens + kernel_size - 1)
        gates = torch.empty_like(input_gates)
        keys = keys.contiguous()
        for step in range(n_steps):
            gate = torch.add(input_gates[step], recurrent_packed(states[step]), out=gates[step])
            gate[:, : 2 * n_hidden].sigmoid_()
            gate[:, 2 * n_hidden : 3 * n_hidden].tanh_()
            gate[:, 3 * n_hidden :].sigmoid_()
            in_gate, forget_gate, cell_gate, out_gate = gate.chunk(4, dim=1)
            cell = torch.addcmul(forget_gate * cells[step], in_gate, cell_gate, out=cells[step + 1])
            hidden = out_gate * cell.tanh()
            if dropout_masks is not None:
                hidden *= dropout_masks[step]
            compared = location_packed(_windows(seen[step], kernel_size)).view_as(keys)
            compared += keys
            compared += query_packed(hidden)[:, None]
            alignment = (compared.tanh_() @ score).add_(excluded).softmax(dim=1)
            states[step + 1, :, :n_hidden] = hidden
            states[step + 1, :, n_hidden:] = torch.bmm(alignment[:, None], values)[:, 0]
            seen[step + 1, :, 0, inner] = alignment
            torch.add(seen[step, :, 1, inner], alignment, out=seen[step + 1, :, 1, inner])
        ctx.save_for_backward(
            states, cells, gates, seen, values, keys, recurrent, query, location, score, dropout_masks
        )
        return states[1:], seen[1:, :, 0, inner].contiguous()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_states: Tensor, grad_alignment: Tensor) -> tuple[Tensor | None, ...]:
        states, cells, gates, seen, values, keys, recurrent, query, location, score, dropout_masks = ctx.saved_tensors
        n_steps, n_items, _ = gates.shape
        (n_tokens, n_context), (n_compared, n_hidden) = values.shape[1:], query.shape
        kernel_size = location.shape[2]
        inner = slice(kernel_size // 2, kernel_size // 2 + n_tokens)
        flat_location = location.flatten(1)
        recurrent_packed, query_packed = PackedWeight(recurrent.t(), n_items), PackedWeight(query.t(), n_items)
        location_packed = PackedWeight(flat_location.t(), n_items * n_tokens)
        alignments = seen[1:, :, 0, inner]

        grad_gates = torch.empty_like(gates)
        grad_contexts = values.new_empty(n_steps, n_items, n_context)
        grad_queries = values.new_empty(n_steps, n_items, n_compared)
        grad_keys, grad_score = torch.zeros_like(keys), torch.zeros_like(score)
        grad_location = torch.zeros_like(flat_location)
        # Handed from step to step, backwards: to the state before, to its cell, and to what its attention had seen.
        grad_state = values.new_zeros(n_items, n_hidden + n_context)
        grad_cell = values.new_zeros(n_items, n_hidden)
        grad_previous = values.new_zeros(n_items, n_tokens)
        grad_cumulated = values.new_zeros(n_items, n_tokens)
        spread = _Spread(values, n_tokens, kernel_size)

        n_chunk = max(1, _CHUNK_NUMBERS // keys.numel())
        for start in reversed(range(0, n_steps, n_chunk)):
            chunk = slice(start, min(start + n_chunk, n_steps))
            windows = _windows(seen[chunk], kernel_size)
            hidden = states[chunk.start + 1 : chunk.stop + 1, :, :n_hidden]
            compared = product(windows, flat_location).view(-1, *keys.shape)
            compared += keys
            compared += product(hidden.contiguous(), query)[:, :, None]
            compared.tanh_()
            grad_compared = torch.addcmul(score, compared.square(), score, value=-1)  # score * (1 - tanh^2)
            to_gates, to_out, to_cell, forget = _gate_derivatives(
                gates[chunk], cells[start : chunk.stop + 1], None if dropout_masks is None else dropout_masks[chunk]
            )
            grad_energies = values.new_empty(chunk.stop - start, n_items, n_tokens)
            for step in reversed(range(chunk.start, chunk.stop)):
                here = step - start
                grad_state += grad_states[step]
                grad_context = grad_contexts[step].copy_(grad_state[:, n_hidden:])
                grad_looked = torch.bmm(values, grad_context[..., None])[..., 0]
                grad_looked += grad_alignment[step]
                grad_looked += grad_previous
                grad_looked += grad_cumulated
                grad_looked *= alignments[step]
                total = grad_looked.sum(dim=1, keepdim=True)
                grad_energy = torch.addcmul(grad_looked, alignments[step], total, value=-1, out=grad_energies[here])
                grad_compare = grad_compared[here].mul_(grad_energy[..., None])
                grad_query = torch.sum(grad_compare, dim=1, out=grad_queries[step])
                grad_seen = spread(location_packed(grad_compare.view(-1, n_compared)))
                grad_previous = grad_seen[:, 0, inner]
                grad_cumulated += grad_seen[:, 1, inner]
                grad_hidden = query_packed(grad_query)
                grad_hidden += grad_state[:, :n_hidden]
                grad_cell = torch.addcmul(grad_cell, grad_hidden, to_cell[here])
                gate = grad_gates[step]
                torch.mul(to_gates[here], grad_cell[:, None], out=gate[:, : 3 * n_hidden].view(n_items, 3, n_hidden))
                torch.mul(to_out[here], grad_hidden, out=gate[:, 3 * n_hidden :])
                grad_cell = grad_cell.mul_(forget[here])
                grad_state = recurrent_packed(gate)
            grad_keys += grad_compared.sum(0)
            grad_score += compared.view(-1, n_compared).t() @ grad_energies.view(-1)
            grad_location += outer_sum(grad_compared.view(-1, n_compared), windows)

        grad_values = torch.bmm(alignments.permute(1, 2, 0), grad_contexts.transpose(0, 1))
        grad_recurrent = outer_sum(grad_gates.flatten(0, 1), states[:-1].flatten(0, 1))
        grad_query_weight = outer_sum(grad_queries.flatten(0, 1), states[1:, :, :n_hidden].flatten(0, 1))
        grad_weights = (grad_recurrent, grad_query_weight, grad_location.view_as(location), grad_score)
        return grad_gates, grad_values, grad_keys, None, *grad_weights, None


def _gate_derivatives(
    gates: Tensor, cells: Tensor, dropout_masks: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Differentiate an LSTM's gates for several steps.

    Args:
        gates: Their activations. (T', B, 4H)
        cells: One more than the steps: before the first, then after each. (T' + 1, B, H)
        dropout_masks: (T', B, H)

    Returns:
        From the cell's gradient to those of the input, forget and cell gates (T', B, 3, H); from the hidden state's
        to the output gate's (T', B, H) and to the cell's (T', B, H); and the forget gate (T', B, H).
    """
    in_gate, forget_gate, cell_gate, out_gate = gates.chunk(4, dim=2)
    to_gates = torch.stack(
        (
            cell_gate * in_gate * (1 - in_gate),
            cells[:-1] * forget_gate * (1 - forget_gate),
            in_gate * (1 - cell_gate.square()),
        ),
        dim=2,
    )
    squashed = cells[1:].tanh()
    to_out = squashed * out_gate * (1 - out_gate)
    to_cell = out_gate * (1 - squashed.square())
    if dropout_masks is not None:
        to_out *= dropout_masks
        to_cell *= dropout_masks
    return to_gates, to_out, to_cell, forget_gate


class _Spread:
    """Adds up the gradients of overlapping windows: (B x L, 2K) to (B, 2, L + K - 1), the inverse of `_windows`.

    Windows are written along the diagonals of a buffer that is zero elsewhere; its column sums are the answer.
    """

    def __init__(self, like: Tensor, n_tokens: int, kernel_size: int) -> None:
        n_items, n_columns = like.shape[0], n_tokens + kernel_size - 1
        self._rows = like.new_zeros(n_items, 2, n_tokens, n_columns)
        item, channel, row, column = self._rows.stride()
        self._diagonals = self._rows.as_strided(
            (n_items, n_tokens, 2, kernel_size), (item, row + column, channel, column)
        )

    def __call__(self, windows: Tensor) -> Tensor:
        self._diagonals.copy_(windows.view(self._diagonals.shape))
        return self._rows.sum(dim=2)

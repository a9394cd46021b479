"""Some of the decoder's attention steps, forward and with a hand-written backward pass, over existing tensors.

Nothing here waits for a device, draws random numbers or branches on a value. Every result is written into a tensor of
the caller. The same functions run over a whole mel's tensors (`attention_loop`) and over a chunk's, whose addresses
never change, as a CUDA graph needs them (`attention_graphs`).
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor

from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, Memory
from peewee_model.synthesizer.tacotron2.products import PackedWeight, product


class Record(NamedTuple):
    """What the steps store for the backward pass. Row t of the first three tensors is the input of step t."""

    states: Tensor
    """[hidden; context]. (T' + 1, B, H + D)"""
    cells: Tensor
    """(T' + 1, B, H)"""
    seen: Tensor
    """Previous and cumulated alignment, with zeros around for the location filters. (T' + 1, B, 2, L + K - 1)"""
    gates: Tensor
    """Activations of each step's gates. (T', B, 4H)"""

    @classmethod
    def zeros(cls, n_steps: int, memory: Memory, weights: AttentionWeights) -> Self:
        """Make a record whose first row is the state at the beginning of a text."""
        (n_items, n_tokens, n_context), n_hidden = memory.values.shape, weights.query.shape[1]
        new, n_columns = memory.values.new_zeros, n_tokens + weights.location.shape[2] - 1
        return cls(
            new(n_steps + 1, n_items, n_hidden + n_context),
            new(n_steps + 1, n_items, n_hidden),
            new(n_steps + 1, n_items, 2, n_columns),
            memory.values.new_empty(n_steps, n_items, 4 * n_hidden),
        )

    def part(self, start: int, stop: int) -> Self:
        """View the steps from `start` to before `stop`."""
        return self._replace(
            states=self.states[start : stop + 1],
            cells=self.cells[start : stop + 1],
            seen=self.seen[start : stop + 1],
            gates=self.gates[start:stop],
        )

    def alignments(self, n_tokens: int, kernel_size: int) -> Tensor:
        """View the steps' alignments. (T', B, L)"""
        return self.seen[1:, :, 0, _inner(n_tokens, kernel_size)]


class Gradients(NamedTuple):
    """The gradients of the backward pass: for each step, and summed over steps."""

    gates: Tensor
    """(T', B, 4H)"""
    contexts: Tensor
    """(T', B, D)"""
    queries: Tensor
    """(T', B, A)"""
    keys: Tensor
    """(B, L, A)"""
    location: Tensor
    """(A, 2K)"""
    score: Tensor
    """(A,)"""

    @classmethod
    def zeros(cls, n_steps: int, memory: Memory, weights: AttentionWeights) -> Self:
        """Make gradients whose sums are zero."""
        n_items, _, n_context = memory.values.shape
        n_compared, n_hidden = weights.query.shape
        new = memory.values.new_empty
        return cls(
            new(n_steps, n_items, 4 * n_hidden),
            new(n_steps, n_items, n_context),
            new(n_steps, n_items, n_compared),
            torch.zeros_like(memory.keys, memory_format=torch.contiguous_format),
            weights.location.new_zeros(n_compared, 2 * weights.location.shape[2]),
            torch.zeros_like(weights.score),
        )

    def part(self, start: int, stop: int) -> Self:
        """View the steps from `start` to before `stop`, and the sums."""
        return self._replace(
            gates=self.gates[start:stop], contexts=self.contexts[start:stop], queries=self.queries[start:stop]
        )


class Carry(NamedTuple):
    """What the backward pass gives from each step to the step before: gradients of the later step's inputs."""

    state: Tensor
    """(B, H + D)"""
    cell: Tensor
    """(B, H)"""
    previous: Tensor
    """(B, L)"""
    cumulated: Tensor
    """(B, L)"""

    @classmethod
    def zeros(cls, memory: Memory, weights: AttentionWeights) -> Self:
        """Make the carry of the last step."""
        (n_items, n_tokens, n_context), n_hidden = memory.values.shape, weights.query.shape[1]
        sizes = (n_hidden + n_context, n_hidden, n_tokens, n_tokens)
        return cls(*(memory.values.new_zeros(n_items, size) for size in sizes))


class ForwardSteps:
    """Steps forward, with one text and one set of weights."""

    def __init__(self, memory: Memory, excluded: Tensor, weights: AttentionWeights) -> None:
        """Lay out the weights; `excluded` is -inf where attention may not look, else 0. (B, L)"""
        n_items, n_tokens, _ = memory.values.shape
        self._values, self._keys, self._excluded = memory.values, memory.keys.contiguous(), excluded
        self._recurrent, self._query = (PackedWeight(matrix, n_items) for matrix in weights[:2])
        self._location = PackedWeight(weights.location.flatten(1), n_items * n_tokens)
        self._score, self._kernel_size = weights.score, weights.location.shape[2]
        self._inner = _inner(n_tokens, self._kernel_size)

    def __call__(self, input_gates: Tensor, dropout_masks: Tensor | None, record: Record) -> None:
        """Take the steps, from the record's first rows, and write the others.

        Args:
            input_gates: What the prenet and the biases give. (T', B, 4H)
            dropout_masks: Multiply each step's new hidden state. (T', B, H)
            record: A record of the same number of steps.
        """
        states, cells, seen, gates = record
        n_hidden = cells.shape[2]
        for step in range(len(input_gates)):
            gate = torch.add(input_gates[step], self._recurrent(states[step]), out=gates[step])
            gate[:, : 2 * n_hidden].sigmoid_()
            gate[:, 2 * n_hidden : 3 * n_hidden].tanh_()
            gate[:, 3 * n_hidden :].sigmoid_()
            in_gate, forget_gate, cell_gate, out_gate = gate.chunk(4, dim=1)
            cell = torch.addcmul(forget_gate * cells[step], in_gate, cell_gate, out=cells[step + 1])
            hidden = out_gate * cell.tanh()
            if dropout_masks is not None:
                hidden *= dropout_masks[step]
            compared = self._location(_windows(seen[step], self._kernel_size)).view_as(self._keys)
            compared += self._keys
            compared += self._query(hidden)[:, None]
            alignment = (compared.tanh_() @ self._score).add_(self._excluded).softmax(dim=1)
            states[step + 1, :, :n_hidden] = hidden
            states[step + 1, :, n_hidden:] = torch.bmm(alignment[:, None], self._values)[:, 0]
            seen[step + 1, :, 0, self._inner] = alignment
            torch.add(seen[step, :, 1, self._inner], alignment, out=seen[step + 1, :, 1, self._inner])


class BackwardSteps:
    """The same steps backward."""

    def __init__(self, memory: Memory, weights: AttentionWeights) -> None:
        """Lay out the weights."""
        n_items, n_tokens, _ = memory.values.shape
        self._transposed, self._keys, self._weights = memory.values.mT, memory.keys.contiguous(), weights
        self._recurrent, self._query = (PackedWeight(matrix.t(), n_items) for matrix in weights[:2])
        self._flat_location = weights.location.flatten(1)
        self._location = PackedWeight(self._flat_location.t(), n_items * n_tokens)
        self._kernel_size = weights.location.shape[2]
        self._inner = _inner(n_tokens, self._kernel_size)
        self._spread = _Spread(memory.values, n_tokens, self._kernel_size)

    def _compared(self, windows: Tensor, hidden: Tensor) -> Tensor:
        """Compute the comparison of query, text and location again, for all steps; no step stored it. (T', B, L, A)"""
        compared = product(windows, self._flat_location).view(-1, *self._keys.shape)
        compared += self._keys
        compared += product(hidden.contiguous(), self._weights.query)[:, :, None]
        return compared.tanh_()

    def __call__(
        self,
        record: Record,
        dropout_masks: Tensor | None,
        grad_states: Tensor,
        grad_alignment: Tensor,
        carry: Carry,
        found: Gradients,
    ) -> None:
        """Take the steps from the last to the first.

        Args:
            record: Of these steps.
            dropout_masks: (T', B, H)
            grad_states: Of [hidden; context] after each step. (T', B, H + D)
            grad_alignment: (T', B, L)
            carry: The carry of the step after these; it is replaced by the carry of the first of these.
            found: The gradients of these steps are written into it; sums over steps are added to its sums.
        """
        score, n_hidden = self._weights.score, self._weights.query.shape[1]
        n_items, n_tokens, n_compared = self._keys.shape
        alignments = record.alignments(n_tokens, self._kernel_size)
        windows = _windows(record.seen[:-1], self._kernel_size)
        compared = self._compared(windows, record.states[1:, :, :n_hidden])
        grad_compared = torch.addcmul(score, compared.square(), score, value=-1)  # score * (1 - tanh^2)
        to_gates, to_out, to_cell, forget = _gate_derivatives(record.gates, record.cells, dropout_masks)
        grad_energies = grad_compared.new_empty(grad_compared.shape[:3])
        grad_state, grad_cell, grad_previous, grad_cumulated = carry
        for step in reversed(range(len(grad_states))):
            grad_state += grad_states[step]
            grad_context = found.contexts[step].copy_(grad_state[:, n_hidden:])
            grad_looked = torch.bmm(grad_context[:, None], self._transposed)[:, 0]
            grad_looked += grad_alignment[step]
            grad_looked += grad_previous
            grad_looked += grad_cumulated
            grad_looked *= alignments[step]
            total = grad_looked.sum(dim=1, keepdim=True)
            grad_energy = torch.addcmul(grad_looked, alignments[step], total, value=-1, out=grad_energies[step])
            grad_compare = grad_compared[step].mul_(grad_energy[..., None])
            grad_query = torch.sum(grad_compare, dim=1, out=found.queries[step])
            grad_seen = self._spread(self._location(grad_compare.view(-1, n_compared)))
            grad_previous = grad_seen[:, 0, self._inner]
            grad_cumulated += grad_seen[:, 1, self._inner]
            grad_hidden = self._query(grad_query)
            grad_hidden += grad_state[:, :n_hidden]
            grad_cell = torch.addcmul(grad_cell, grad_hidden, to_cell[step])
            gate = found.gates[step]
            torch.mul(to_gates[step], grad_cell[:, None], out=gate[:, : 3 * n_hidden].view(n_items, 3, n_hidden))
            torch.mul(to_out[step], grad_hidden, out=gate[:, 3 * n_hidden :])
            grad_cell = grad_cell.mul_(forget[step])
            grad_state = self._recurrent(gate)
        for kept, last in zip(carry, (grad_state, grad_cell, grad_previous, grad_cumulated), strict=True):
            kept.copy_(last)
        found.keys.add_(grad_compared.sum(0))
        found.score.add_(compared.view(-1, n_compared).t() @ grad_energies.view(-1))
        found.location.add_(grad_compared.view(-1, n_compared).t() @ windows)


def _inner(n_tokens: int, kernel_size: int) -> slice:
    """Return the slice of the alignment inside the zeros around it."""
    return slice(kernel_size // 2, kernel_size // 2 + n_tokens)


def _windows(seen: Tensor, kernel_size: int) -> Tensor:
    """View the windows that location filters see at each token: (..., 2, L + K - 1) as (... x L, 2K)."""
    windows = seen.unfold(-1, kernel_size, 1).transpose(-3, -2)  # (..., L, 2, K)
    return windows.reshape(-1, 2 * kernel_size)


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

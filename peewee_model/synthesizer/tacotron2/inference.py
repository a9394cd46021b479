"""The decoder at inference, where each step starts from the frame of the step before.

The results are those of teacher forcing with the same frames (tests compare the two). With one text, nearly all of the
time is spent on reading the weights, once a step. What makes it fast:
- the weights are packed in fewer bytes than in training (`packed_products`);
- they are grouped by their input: a hidden state is multiplied once by all matrices that read it;
- a context is a weighted mean of the text's vectors. So its products with matrices are the same weighted mean of the
  vectors' products. For a short text these products are computed once, and the context's weights are not read again;
- the prenet's dropout is drawn for many steps at a time.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from peewee_model.synthesizer.tacotron2.attention import Memory
from peewee_model.synthesizer.tacotron2.decoder import Decoder
from peewee_model.synthesizer.tacotron2.packed_products import (
    Precision,
    Product,
    check_precision,
    default_precision,
    make_product,
)

_DRAWN_AHEAD = 32
"""Steps for which dropout is drawn at once."""


class PackedDecoder:
    """A decoder's weights as inference reads them: a copy, which later training does not change.

    Args:
        decoder: On any device.
        precision: Of the large weights; None for the fastest that the device has without loss of quality.

    Raises:
        ConfigError: If the decoder's device does not have the precision.
    """

    def __init__(self, decoder: Decoder, precision: str | None = None) -> None:
        device = decoder.mel_projection.weight.device
        self.precision = default_precision(device) if precision is None else check_precision(precision, device)
        # Eight bits are used for matrices that each step reads in full; the others take little time.
        self.small: Precision = "float16" if self.precision == "int8" else self.precision
        small = self.small
        first, second = decoder.attention_rnn, decoder.decoder_rnn
        second_input, second_recurrent, *second_biases = second.all_weights[0]
        self.n_hidden, self.n_second = first.hidden_size, second.hidden_size
        self.n_squeezed, self.dropout = decoder.prenet.n_out, decoder.prenet.dropout
        with torch.no_grad():
            squeezed, from_context = torch.split(
                first.weight_ih, [self.n_squeezed, decoder.attention.memory.in_features], 1
            )
            from_first, to_second = torch.split(second_input, [self.n_hidden, from_context.shape[1]], 1)
            frames = torch.cat((decoder.mel_projection.weight, decoder.stop_projection.weight))
            frames_bias = torch.cat((decoder.mel_projection.bias, decoder.stop_projection.bias))
            first_bias = _reordered(first.bias_ih + first.bias_hh)
            second_bias = _reordered(second_biases[0] + second_biases[1])
            first_weight = torch.cat((_reordered(from_first), _reordered(first.weight_hh)))
            self.prenet = [make_product(weight, None, small) for weight in decoder.prenet.parameters()]
            self.squeezed = make_product(_reordered(squeezed), first_bias, self.precision)
            self.query = make_product(decoder.attention.query.weight, None, small)
            self.first = make_product(first_weight, F.pad(second_bias, (0, len(first_bias))), self.precision)
            self.second = make_product(_reordered(second_recurrent), None, self.precision)
            self.frames = make_product(frames[:, : self.n_second], frames_bias, small)
            context_weight = torch.cat((_reordered(to_second), _reordered(from_context), frames[:, self.n_second :]))
            self.context = make_product(context_weight, None, small)
            self.n_given = [len(second_bias), len(first_bias), len(frames)]
            self.location = decoder.attention.location_kernel().flatten(1).t().contiguous()
            self.score = decoder.attention.score.weight[0].clone()


class DecoderRun:
    """The state of some texts while they are spoken.

    Args:
        packed: The decoder.
        memory: The encoded texts.
        generators: For the prenet's dropout, one for each text, so that a text's random numbers do not depend on the
            others; None for torch's global generator.
    """

    def __init__(self, packed: PackedDecoder, memory: Memory, generators: Sequence[torch.Generator | None]) -> None:
        self._packed, self._memory, self._generators = packed, memory, generators
        n_items, n_tokens, n_context = memory.values.shape
        zeros = memory.values.new_zeros
        self._cell, self._second_cell = zeros(n_items, packed.n_hidden), zeros(n_items, packed.n_second)
        # The share of the step before in the gates of each LSTM.
        self._to_first, self._to_second = zeros(n_items, 4 * packed.n_hidden), zeros(n_items, 4 * packed.n_second)
        # Read instead of the context's weights, as long as it is smaller than they are.
        self._gives: list[Product] = []
        if n_items * n_tokens <= n_context:
            gives = packed.context(memory.values.flatten(0, 1)).view(n_items, n_tokens, -1)
            self._gives = [make_product(item.t(), None, packed.small) for item in gives]
        n_taps = len(packed.location) // 2
        seen = zeros(n_items, 2, n_tokens + n_taps - 1)
        self.alignment, self._cumulated = seen[:, :, n_taps // 2 : n_taps // 2 + n_tokens].unbind(1)
        self._windows = seen.unfold(2, n_taps, 1).transpose(1, 2)  # (B, L, 2, K), a view
        self._keys = memory.keys.reshape(n_items * n_tokens, -1)
        self._excluded = zeros(n_items, n_tokens).masked_fill_(~memory.mask, -torch.inf)
        self._kept: list[Tensor] = []

    def step(self, frame: Tensor) -> tuple[Tensor, Tensor]:
        """Predict one group of frames; afterwards `alignment` is this step's.

        Args:
            frame: The last frame before it. (B, M)

        Returns:
            The group (B, r x M) and stop logits (B,).
        """
        packed, n_first, n_second = self._packed, 4 * self._packed.n_hidden, 4 * self._packed.n_second
        kept = self._next_kept()
        for number, layer in enumerate(packed.prenet):
            frame = layer(frame).relu_()
            if kept is not None:
                frame.mul_(kept[:, number])
        hidden = _lstm(packed.squeezed(frame).add_(self._to_first), self._cell)
        to_second, to_first = torch.split(packed.first(hidden), [n_second, n_first], dim=1)
        given = torch.split(self._look(packed.query(hidden)), packed.n_given, dim=1)
        hidden = _lstm(self._to_second.add_(to_second).add_(given[0]), self._second_cell)
        self._to_first, self._to_second = to_first.add_(given[1]), packed.second(hidden)
        group = packed.frames(hidden).add_(given[2])
        return group[:, :-1], group[:, -1]

    def _look(self, query: Tensor) -> Tensor:
        """Move the attention by a query (B, A), and compute the new context's share in gates and frames."""
        packed, (n_items, n_tokens) = self._packed, self.alignment.shape
        windows = self._windows.reshape(n_items * n_tokens, -1)
        compared = torch.addmm(self._keys, windows, packed.location).view(n_items, n_tokens, -1)
        compared += query[:, None]
        energies = (compared.tanh_() @ packed.score).add_(self._excluded)
        alignment = energies.softmax(dim=1)
        self.alignment.copy_(alignment)
        self._cumulated += alignment
        if self._gives:
            return torch.cat([gives(row) for gives, row in zip(self._gives, alignment[:, None], strict=True)])
        return packed.context(torch.bmm(alignment[:, None], self._memory.values)[:, 0])

    def _next_kept(self) -> Tensor | None:
        """Return the scaled dropout mask of the prenet for the next step. (B, 2, prenet_dim)"""
        probability = self._packed.dropout
        if probability == 0:
            return None
        if not self._kept:
            like = self._cell
            shape = (_DRAWN_AHEAD, len(self._packed.prenet), self._packed.n_squeezed)
            drawn = [
                torch.rand(shape, generator=generator, device=like.device if generator is None else generator.device)
                for generator in self._generators
            ]
            kept = torch.stack(drawn, dim=1).ge_(probability).div_(1 - probability)
            self._kept = list(reversed(kept.to(like).unbind(0)))
        return self._kept.pop()


def _reordered(rows: Tensor) -> Tensor:
    """Put the rows of an LSTM's gates, which torch orders input, forget, cell, output, with the cell gate last."""
    in_gate, forget_gate, cell_gate, out_gate = rows.chunk(4)
    return torch.cat((in_gate, forget_gate, out_gate, cell_gate))


def _lstm(gates: Tensor, cell: Tensor) -> Tensor:
    """Compute the next cell, in place, and hidden state from gates before activation (B, 4H), the cell gate last.

    Both are (B, H).
    """
    n = cell.shape[1]
    in_gate, forget_gate, out_gate = gates[:, : 3 * n].sigmoid_().chunk(3, dim=1)
    cell.mul_(forget_gate).addcmul_(in_gate, gates[:, 3 * n :].tanh_())
    return cell.tanh().mul_(out_gate)

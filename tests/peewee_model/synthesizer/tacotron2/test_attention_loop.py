"""The fused loop against the plain step: the same forward, the same gradients of everything that it takes."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from peewee_model.synthesizer.tacotron2 import attention_loop as module
from peewee_model.synthesizer.tacotron2 import products
from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, Memory
from peewee_model.synthesizer.tacotron2.attention_loop import attention_loop
from tests.peewee_model.synthesizer.tacotron2.plain_attention import attention_step, initial_state


class Case(NamedTuple):
    input_gates: Tensor
    memory: Memory
    weights: AttentionWeights
    dropout_masks: Tensor | None

    def leaves(self):
        return [self.input_gates, self.memory.values, self.memory.keys, *self.weights]


def make_case(dtype, *, dropout, n_steps=11):
    n_items, n_tokens, n_context, n_hidden, n_compared, kernel_size = 3, 7, 5, 6, 4, 5

    def leaf(*shape):
        return torch.randn(*shape, dtype=dtype, requires_grad=True)

    mask = torch.arange(n_tokens) < torch.tensor([7, 4, 1])[:, None]
    masks = (torch.rand(n_steps, n_items, n_hidden) > 0.3).to(dtype) / 0.7 if dropout else None
    return Case(
        leaf(n_steps, n_items, 4 * n_hidden),
        Memory(leaf(n_items, n_tokens, n_context), leaf(n_items, n_tokens, n_compared), mask),
        AttentionWeights(
            leaf(4 * n_hidden, n_hidden + n_context),
            leaf(n_compared, n_hidden),
            leaf(n_compared, 2, kernel_size),
            leaf(n_compared),
        ),
        masks,
    )


def plain_loop(case):
    state = initial_state(case.memory, case.weights)
    states, alignments = [], []
    for step, gates in enumerate(case.input_gates):
        masks = None if case.dropout_masks is None else case.dropout_masks[step]
        state = attention_step(gates, state, case.memory, case.weights, dropout_mask=masks)
        states.append(torch.cat((state.hidden, state.context), dim=1))
        alignments.append(state.alignment)
    return torch.stack(states), torch.stack(alignments)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("chunk_numbers", [1, 4 * 84, 1 << 22], ids=["step", "several", "all"])
def test_loop_equals_steps_in_outputs_and_gradients(dropout, chunk_numbers, monkeypatch):
    """One fused backward pass against plain autograd."""
    monkeypatch.setattr(module, "_CHUNK_NUMBERS", chunk_numbers)
    case = make_case(torch.float64, dropout=dropout)
    expected = plain_loop(case)
    found = attention_loop(*case)
    weighting = [torch.randn_like(output) for output in expected]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    gradients = [
        torch.autograd.grad(sum((o * w).sum() for o, w in zip(outputs, weighting, strict=True)), case.leaves())
        for outputs in (found, expected)
    ]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        assert theirs.abs().max() > 1e-3


def test_loop_equals_steps_in_single_precision(monkeypatch):
    """Single precision takes the packed products where the processor has them."""
    monkeypatch.setattr(products, "_WORTHWHILE", 0)
    case = make_case(torch.float32, dropout=True)
    gradients = []
    for states, alignment in (attention_loop(*case), plain_loop(case)):
        loss = states.square().sum() + (alignment * torch.arange(alignment.shape[2])).sum()
        gradients.append(torch.autograd.grad(loss, case.leaves()))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_loop_passes_gradcheck():
    """Against finite differences."""
    case = make_case(torch.float64, dropout=True, n_steps=3)

    def run(gates, values, keys, *weights):
        memory = Memory(values, keys, case.memory.mask)
        return attention_loop(gates, memory, AttentionWeights(*weights), case.dropout_masks)

    assert torch.autograd.gradcheck(run, case.leaves(), fast_mode=True)


def test_loop_gives_the_same_gradient_twice():
    """The backward pass changes nothing that it saved."""
    case = make_case(torch.float64, dropout=True)
    loss = attention_loop(*case)[0].square().sum()
    first, second = (torch.autograd.grad(loss, case.leaves(), retain_graph=True) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one, other)


def test_alignment_never_looks_at_padding():
    """Its weight there is exactly 0."""
    case = make_case(torch.float64, dropout=False)
    alignment = attention_loop(*case)[1]
    assert torch.all(alignment[:, ~case.memory.mask] == 0)
    torch.testing.assert_close(alignment.sum(2), torch.ones_like(alignment[..., 0]))

"""Chunks on fixed buffers against the plain step: what CUDA graphs replay, run here as they are recorded."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from peewee_model.synthesizer.tacotron2 import attention_graphs as module
from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, Memory
from peewee_model.synthesizer.tacotron2.attention_chunks import BackwardSteps, Carry, ForwardSteps, Gradients, Record
from peewee_model.synthesizer.tacotron2.attention_graphs import CHUNK_STEPS, BucketedLoop, fastest_attention_loop
from tests.peewee_model.synthesizer.tacotron2.test_attention_loop import Case, make_case, plain_loop


def run_now(work):
    """A recorder that records nothing: the work is done at each call."""
    work()  # as a recorder may: what it leaves in the buffers must not matter
    return work


def gradients(outputs, case, seed=0):
    generator = torch.Generator().manual_seed(seed)
    loss = sum(
        (output * torch.randn(output.shape, generator=generator, dtype=output.dtype)).sum() for output in outputs
    )
    return torch.autograd.grad(loss, case.leaves())


def assert_same(found, expected, case):
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    for ours, theirs in zip(gradients(found, case), gradients(expected, case), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        assert theirs.abs().max() > 1e-3


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("n_steps", [2, CHUNK_STEPS, 2 * CHUNK_STEPS + 5], ids=["two", "chunk", "several"])
def test_chunks_equal_steps_in_outputs_and_gradients(dropout, n_steps):
    """Padded steps, items and tokens, and the cuts between chunks, change nothing."""
    case = make_case(torch.float64, dropout=dropout, n_steps=n_steps)
    scattered = case.weights.location.transpose(0, 1).contiguous().transpose(0, 1)  # as an einsum may leave it
    case = case._replace(weights=case.weights._replace(location=scattered))
    assert_same(BucketedLoop(run_now)(*case), plain_loop(case), case)


def test_buffers_hold_nothing_over():
    """Other weights, texts and lengths in the same buffers; two forward passes before their backward passes."""
    loop = BucketedLoop(run_now)
    cases = [make_case(torch.float64, dropout=True, n_steps=n) for n in (21, 40, 7)]
    found = [loop(*case) for case in cases]
    assert len(loop._passes) == 1
    for case, outputs in zip(cases, found, strict=True):
        assert_same(outputs, plain_loop(case), case)


def test_nonsense_in_the_buffers_is_overwritten():
    """After a step that was not finite the next one is as if it had not been."""
    loop = BucketedLoop(run_now)
    bad = make_case(torch.float64, dropout=True)
    broken = Case(bad.input_gates * float("nan"), *bad[1:])
    assert gradients(loop(*broken), bad)[1].isnan().any()
    case = make_case(torch.float64, dropout=True)
    assert_same(loop(*case), plain_loop(case), case)


def test_work_is_done_on_the_same_addresses():
    """What is recorded once must be all that is done later: no tensor in it may be another one at the next call."""
    works, calls = [], []

    def record(work):
        works.append(work)
        return lambda: (calls.append(work), work())[1]

    loop = BucketedLoop(record)
    for n_steps in (CHUNK_STEPS + 1, 3 * CHUNK_STEPS):
        case = make_case(torch.float64, dropout=True, n_steps=n_steps)
        gradients(loop(*case), case)
    assert len(works) == 2  # one forward, one backward, for any number of steps
    assert calls == [works[0]] * 2 + [works[1]] * 2 + [works[0]] * 3 + [works[1]] * 3
    (passes,) = loop._passes.values()
    before = [value.data_ptr() for value in (*passes._record, *passes._carry, *passes._found, *passes._given.weights)]
    case = make_case(torch.float64, dropout=True)
    gradients(loop(*case), case)
    after = [value.data_ptr() for value in (*passes._record, *passes._carry, *passes._found, *passes._given.weights)]
    assert before == after


def test_few_shapes_are_kept(monkeypatch):
    """Memory of graphs has a bound; a shape that was dropped is recorded anew."""
    monkeypatch.setattr(module, "_MAX_SHAPES", 1)
    loop = BucketedLoop(run_now)
    with_dropout, without = (make_case(torch.float64, dropout=dropout) for dropout in (True, False))
    for case in (with_dropout, without, with_dropout):
        assert_same(loop(*case), plain_loop(case), case)
        assert len(loop._passes) == 1


def test_buffers_made_in_inference_serve_training():
    """Whoever comes first: a tensor made in inference mode could not be written to in training."""
    loop = BucketedLoop(run_now)
    case = make_case(torch.float64, dropout=False)
    with torch.inference_mode():
        loop(*case)
    assert_same(loop(*case), plain_loop(case), case)


def test_single_precision_on_a_cpu_is_refused():
    """There the weights are packed into copies, which later weights would not reach."""
    with pytest.raises(ValueError, match="float64"):
        BucketedLoop(run_now)(*make_case(torch.float32, dropout=False))


def test_graphs_are_for_cuda_alone(monkeypatch):
    """The variable changes nothing on a CPU."""
    monkeypatch.setenv("PEEWEE_CUDA_GRAPHS", "1")
    case = make_case(torch.float64, dropout=True)
    assert_same(fastest_attention_loop(*case), plain_loop(case), case)


class Launches(TorchDispatchMode):
    """Counts operations that would be launched on a GPU: all but views and allocations."""

    def __init__(self):
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        allocates = function._schema.name in ("aten::empty", "aten::new_empty", "aten::empty_like")
        self.n += not (function.is_view or allocates or function._schema.name == "aten::_unsafe_view")
        return result


def launches(n_steps):
    """Run chunks on the device without memory: whoever asks there for a value fails."""
    memory = Memory(*(torch.empty(*shape, device="meta") for shape in ((8, 32, 6), (8, 32, 4), (8, 32))))
    weights = AttentionWeights(*(torch.empty(*shape, device="meta") for shape in ((40, 16), (4, 10), (4, 2, 5), (4,))))
    record, carry = Record.zeros(n_steps, memory, weights), Carry.zeros(memory, weights)
    found, masks = Gradients.zeros(n_steps, memory, weights), torch.empty(n_steps, 8, 10, device="meta")
    grads = torch.empty(n_steps, 8, 16, device="meta"), torch.empty(n_steps, 8, 32, device="meta")
    forward, backward = ForwardSteps(memory, memory.mask, weights), BackwardSteps(memory, weights)
    with torch.no_grad(), Launches() as ahead:
        forward(torch.empty(n_steps, 8, 40, device="meta"), masks, record)
    with torch.no_grad(), Launches() as back:
        backward(record, masks, *grads, carry, found)
    return ahead.n, back.n


def test_steps_read_no_value_and_are_few_launches():
    """A graph can't contain an operation that waits for the device; docs/adr/0008 has the number of kernels a step."""
    one, three = launches(1), launches(3)
    assert [(more - less) / 2 for more, less in zip(three, one, strict=True)] == [24, 22]
    assert one[0] == 24
    assert one[1] - 22 < 60  # once a chunk

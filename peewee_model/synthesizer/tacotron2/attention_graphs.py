"""Attention steps as CUDA graphs: some steps of one shape, recorded once, replayed for all chunks of all batches.

A step is about thirty small kernels, and to launch one on a GPU takes longer than to run it. A graph is launched once.
It reads and writes the same addresses at each replay. So a chunk's inputs are copied to these addresses, and its
results are copied from them. A graph has one shape, so texts and batches are padded to one of a few shapes.

Everything but `Recorded` is tested without a GPU, by running the chunks instead of replaying them. NOT YET MEASURED: no
graph was recorded or replayed so far. `make bench-gpu` does, and compares results and speed;
`PEEWEE_CUDA_GRAPHS=1` turns it on (docs/adr/0008-gpu-attention-loop.md).
"""

import functools
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from peewee_model import environment
from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, Memory
from peewee_model.synthesizer.tacotron2.attention_chunks import BackwardSteps, Carry, ForwardSteps, Gradients, Record
from peewee_model.synthesizer.tacotron2.attention_loop import Given, attention_loop, excluded

CHUNK_STEPS = 16
"""Steps in a graph. A mel is padded to a multiple of it."""
_ITEMS_MULTIPLE, _TOKENS_MULTIPLE = 8, 32
_MAX_SHAPES = 32
"""Shapes whose graphs are kept, the last used ones; each has buffers and two graphs of its own."""

Work = Callable[[], None]


class Recorder(Protocol):
    """Records work on fixed addresses, as a callable that repeats it."""

    def __call__(self, work: Work) -> Work:
        """Record it. The work may be done while it is."""


class Recorded:
    """Work as a CUDA graph. It is the only part that tests without a GPU do not reach."""

    _pool: Any = None  # memory for temporary tensors of all graphs, which never run at the same time

    def __init__(self, work: Work) -> None:
        """Do the work twice on the side, for libraries to set themselves up, and record it."""
        Recorded._pool = Recorded._pool or torch.cuda.graph_pool_handle()
        aside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            work()
            work()
        torch.cuda.current_stream().wait_stream(aside)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=Recorded._pool, capture_error_mode="thread_local"):
            work()

    def __call__(self) -> None:
        """Replay it on the current stream."""
        self._graph.replay()


class ChunkedPasses:
    """Both passes over one shape, a chunk at a time, on buffers whose addresses never change.

    The buffers keep nothing from one call to the next, so several forward passes may run before their backward passes.
    """

    @torch.inference_mode(False)
    @torch.no_grad()
    def __init__(self, given: Given, n_steps: int, recorder: Recorder) -> None:
        """Allocate for chunks of `n_steps`, with `given` as the example of all other shapes.

        Raises:
            ValueError: On a CPU in single precision, where the steps hold packed copies of the weights.
        """
        if given.memory.values.device.type == "cpu" and given.memory.values.dtype != torch.float64:
            raise ValueError("on a CPU, chunks on fixed buffers are for tests alone, in float64")
        new = functools.partial(torch.zeros_like, memory_format=torch.contiguous_format)
        self._given = Given(
            Memory(*map(new, given.memory)),
            AttentionWeights(*map(new, given.weights)),
            None if given.dropout_masks is None else new(given.dropout_masks[:n_steps]),
        )
        memory, weights, masks = self._given
        self._n_steps = n_steps
        self._excluded = memory.values.new_zeros(memory.mask.shape)
        self._record = Record.zeros(n_steps, memory, weights)
        self._input_gates = torch.zeros_like(self._record.gates)
        self._carry = Carry.zeros(memory, weights)
        self._found = Gradients.zeros(n_steps, memory, weights)
        self._grad_states = torch.zeros_like(self._record.states[1:])
        self._grad_alignment = memory.values.new_zeros(n_steps, *memory.mask.shape)
        self._record.gates.zero_()
        forward, backward = ForwardSteps(memory, self._excluded, weights), BackwardSteps(memory, weights)
        grads = self._grad_states, self._grad_alignment
        self._forward = recorder(lambda: forward(self._input_gates, masks, self._record))
        self._backward = recorder(lambda: backward(self._record, masks, *grads, self._carry, self._found))

    def _load(self, given: Given) -> None:
        for kept, value in zip((*self._given[0], *self._given[1]), (*given.memory, *given.weights), strict=True):
            kept.copy_(value)

    def forward(self, input_gates: Tensor, given: Given) -> Record:
        """See `Passes`. T' is a multiple of the chunk's steps."""
        self._load(given)
        self._excluded.copy_(excluded(given.memory))
        record = Record.zeros(len(input_gates), given.memory, given.weights)
        for start in range(0, len(input_gates), self._n_steps):
            stop = start + self._n_steps
            self._input_gates.copy_(input_gates[start:stop])
            self._load_masks(given, start, stop)
            part = record.part(start, stop)
            for kept, value in zip(self._record[:3], part[:3], strict=True):
                kept[0].copy_(value[0])
            self._forward()
            for value, kept in zip(part, self._record, strict=True):
                value.copy_(kept)
        return record

    def backward(self, record: Record, given: Given, grad_states: Tensor, grad_alignment: Tensor) -> Gradients:
        """See `Passes`."""
        self._load(given)
        found = Gradients.zeros(len(grad_states), given.memory, given.weights)
        for value in (*self._carry, *self._found[3:]):
            value.zero_()
        for start in reversed(range(0, len(grad_states), self._n_steps)):
            stop = start + self._n_steps
            self._grad_states.copy_(grad_states[start:stop])
            self._grad_alignment.copy_(grad_alignment[start:stop])
            self._load_masks(given, start, stop)
            for kept, value in zip(self._record, record.part(start, stop), strict=True):
                kept.copy_(value)
            self._backward()
            for value, kept in zip(found.part(start, stop)[:3], self._found[:3], strict=True):
                value.copy_(kept)
        for value, kept in zip(found[3:], self._found[3:], strict=True):
            value.copy_(kept)
        return found

    def _load_masks(self, given: Given, start: int, stop: int) -> None:
        if self._given.dropout_masks is not None and given.dropout_masks is not None:
            self._given.dropout_masks.copy_(given.dropout_masks[start:stop])


class BucketedLoop:
    """`attention_loop` with its shapes padded to few, and the passes of each shape kept."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._passes: OrderedDict[object, ChunkedPasses] = OrderedDict()

    def __call__(
        self, input_gates: Tensor, memory: Memory, weights: AttentionWeights, dropout_masks: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Do what `attention_loop` does. Padded items read padded zeros; they and padded steps have no gradient."""
        n_steps, n_items, _ = input_gates.shape
        n_tokens = memory.keys.shape[1]
        steps, items, tokens = (-n_steps % CHUNK_STEPS, -n_items % _ITEMS_MULTIPLE, -n_tokens % _TOKENS_MULTIPLE)
        mask = F.pad(F.pad(memory.mask, (0, tokens)), (0, 0, 0, items), value=True)
        values, keys = (F.pad(value, (0, 0, 0, tokens, 0, items)) for value in (memory.values, memory.keys))
        masks = None if dropout_masks is None else F.pad(dropout_masks, (0, 0, 0, items, 0, steps))
        gates, padded = F.pad(input_gates, (0, 0, 0, items, 0, steps)), Memory(values, keys, mask)
        passes = self._passes_of(Given(padded, weights, masks))
        states, alignment = attention_loop(gates, padded, weights, masks, passes)
        return states[:n_steps, :n_items], alignment[:n_steps, :n_items, :n_tokens]

    def _passes_of(self, given: Given) -> ChunkedPasses:
        shapes = (tuple(value.shape) for value in (*given.memory, *given.weights))
        key = (given.memory.values.device, given.memory.values.dtype, given.dropout_masks is None, *shapes)
        if key not in self._passes:
            self._passes[key] = ChunkedPasses(given, CHUNK_STEPS, self._recorder)
            if len(self._passes) > _MAX_SHAPES:
                self._passes.popitem(last=False)
        self._passes.move_to_end(key)
        return self._passes[key]


_on_cuda = BucketedLoop(Recorded)


def fastest_attention_loop(
    input_gates: Tensor, memory: Memory, weights: AttentionWeights, dropout_masks: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run `attention_loop`: by CUDA graphs if `PEEWEE_CUDA_GRAPHS` is 1 and the device has them, else step by step."""
    replay = input_gates.device.type == "cuda" and environment.CUDA_GRAPHS.is_on()
    return (_on_cuda if replay else attention_loop)(input_gates, memory, weights, dropout_masks)

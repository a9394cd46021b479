import logging
from dataclasses import dataclass

import pytest
import torch

from peewee_model.synthesizer.architecture import SynthesizerArchitecture
from peewee_model.synthesizer.layers import MaskedBatchNorm
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveTacotron
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from pipeline.training.synthesizer.mel_discriminator import MelDiscriminator
from pipeline.training.synthesizer.out_of_memory import BatchTooLargeError, in_parts_that_fit
from tests.peewee_model.synthesizer.configs import with_sizes
from tests.pipeline.training.synthesizer.test_learner import judged, make, params  # noqa: F401 - a fixture


@dataclass
class Device:
    """What `train_step` needs of Fabric, without clipping, which would hide a gradient of another length."""

    world_size: int = 1

    def backward(self, loss):
        loss.backward()

    def clip_gradients(self, *_, **__):
        pass


@pytest.fixture
def small_device(monkeypatch):
    """Let the synthesizer's forward pass run out of memory with more items than a device holds."""
    forwards = {kind: kind.forward for kind in (Tacotron2, NonAttentiveTacotron)}
    seen = []

    def limit(n_items):
        def limited(self, tokens, *others, **named):
            seen.append(len(tokens))
            output = forwards[type(self)](
                self, tokens, *others, **named
            )  # has drawn random numbers and moved statistics by then
            if len(tokens) > n_items:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore to read.")
            return output

        for kind in forwards:
            monkeypatch.setattr(kind, "forward", limited)
        return seen

    return limit


@pytest.fixture
def undisturbed(params):  # noqa: F811 - the fixture
    """A model without dropout, whose whole batch and parts differ in nothing but how they are summed up."""
    architecture = params.architecture.model_dump()
    names = [*architecture, *architecture["tacotron2"], *architecture["non_attentive"]]
    still = with_sizes(architecture, {name: 0.0 for name in names if name.endswith("dropout")})
    return params.model_copy(update={"architecture": SynthesizerArchitecture.model_validate(still)})


def step(learner, index=0):
    model = learner.modules["synthesizer"].train()
    for module in model.modules():
        if isinstance(module, MaskedBatchNorm):
            module.eval()  # the one part whose result depends on which items are together
    torch.manual_seed(5)
    losses = learner.train_step(learner.batch(index), index, Device())
    parameters = [named for module in learner.modules.values() for named in module.named_parameters()]
    gradients = {name: parameter.grad.clone() for name, parameter in parameters}
    return {name: float(value.detach()) for name, value in losses.items()}, gradients


@pytest.mark.parametrize("is_judged", [False, True])
@pytest.mark.parametrize(("n_fit", "tried"), [(7, [13, 7, 6]), (4, [13, 7, 4, 3, 3, 3])])
def test_parts_have_the_gradient_of_the_whole_batch(speech, undisturbed, small_device, caplog, n_fit, tried, is_judged):
    """T10: a batch that does not fit is trained on in halves, or their halves, and it is said."""
    if is_judged:
        undisturbed = judged(undisturbed, from_step=0, arch="non_attentive")
    undisturbed = undisturbed.model_copy(
        update={"training": undisturbed.training.model_copy(update={"frame_budget": 600})}
    )
    losses, gradients = step(make(undisturbed))
    seen = small_device(n_fit)
    n_items = len(make(undisturbed).batch(0).tokens)
    assert n_items == tried[0]
    with caplog.at_level(logging.WARNING):
        found, parts = step(make(undisturbed))
    assert seen == tried
    assert "out of memory: step=1 parts=2" in caplog.text
    assert "synthesizer.training.frame_budget" in caplog.text
    assert found == pytest.approx(losses, rel=1e-5)
    assert min(found.values()) > 0
    for name, gradient in gradients.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-6, msg=name)
        # At first nothing is scaled or shifted by the narrowed embeddings.
        assert gradient.abs().max() > 0 or name.startswith("narrow."), name


def test_judge_that_runs_out_of_memory_is_taught_in_parts(speech, undisturbed, monkeypatch):
    """Also if it fails while it computes the synthesizer's loss, between its own backward pass and the
    synthesizer's."""
    wanted = judged(undisturbed, from_step=0)
    losses, gradients = step(make(wanted))
    forward, calls = MelDiscriminator.forward, []

    def limited(self, mel, *voices):
        calls.append(len(mel))
        if len(calls) == 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, mel, *voices)

    monkeypatch.setattr(MelDiscriminator, "forward", limited)
    found, parts = step(make(wanted))
    assert len(calls) == 6  # trained and used: as a whole, which failed, and in two halves
    assert found == pytest.approx(losses, rel=1e-5)
    for name, gradient in gradients.items():
        torch.testing.assert_close(parts[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


def test_failed_attempt_leaves_no_trace(speech, params, small_device):  # noqa: F811 - the fixture
    """Running statistics are set back, so that they have seen what the last attempt saw, once."""
    small_device(0)
    learner = make(params)
    model = learner.modules["synthesizer"].train()
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    with pytest.raises(BatchTooLargeError, match=r"lower synthesizer.training.frame_budget .CUDA out of memory"):
        learner.train_step(learner.batch(0), 0, Device())
    moved = [name for name, buffer in model.named_buffers() if not torch.equal(buffer, before[name])]
    assert moved  # by the last attempt, a single item's
    counts = {int(buffer) for name, buffer in model.named_buffers() if name.endswith("num_batches_tracked")}
    assert counts == {1}


def test_processes_that_train_together_are_not_divided():
    """The others wait for this one's gradients, once a step."""

    def accumulate(n_parts):
        assert n_parts == 1
        raise torch.OutOfMemoryError("full")

    with pytest.raises(BatchTooLargeError, match=r"step 8: .* 2 processes train together; lower batch \(full\)"):
        in_parts_that_fit(accumulate, 4, step=7, n_processes=2, remedy="batch")


def test_other_errors_are_not_taken_for_a_lack_of_memory():
    """A wrong shape is wrong in halves too."""

    def accumulate(n_parts):
        assert n_parts == 1
        raise RuntimeError("shapes")

    with pytest.raises(RuntimeError, match="shapes"):
        in_parts_that_fit(accumulate, 4, step=0, n_processes=1, remedy="batch")

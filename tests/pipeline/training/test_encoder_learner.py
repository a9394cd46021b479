from pathlib import Path

import pytest
import torch

from pipeline.training.encoder_learner import EncoderLearner, EncoderParams, TooFewSpeakersError
from pipeline.training.loop import PreemptedError, train
from tests.pipeline.training.stops import SigtermAt

MELS = Path("data/mels/speaker")


def params(**training):
    settings = {
        "schedule": {"seed": 1, "steps": 30, "validate_every": 10, "patience": 0, "precision": "32-true"},
        "n_speakers": 4, "n_utterances": 3, "partial_frames_min": 16, "partial_frames_max": 24, "optimizer": "adam",
        "learning_rate": 0.01, "halve_every": 0, "gradient_clip": 3.0,
    }  # fmt: skip
    architecture = {
        "n_layers": 1, "hidden_dim": 16, "projection_dim": 0, "embedding_dim": 8, "window_frames": 20,
        "window_overlap": 0.5,
    }  # fmt: skip
    return EncoderParams.model_validate({"architecture": architecture, "training": settings | training})


def weights(learner):
    return {name: value.clone() for name, value in learner.modules["encoder"].state_dict().items()}


@pytest.mark.parametrize("stop_at", [1, 7, 10, 19, 29])
def test_resumed_ge2e_training_is_equal_to_the_bit(speech, stop_at):
    """T7: stopped at a step by SIGTERM and started again, the final weights are those of the uninterrupted run."""
    settings = params()
    whole = EncoderLearner(MELS, settings)
    history = train(whole, settings.training.schedule, "whole")
    with pytest.raises(PreemptedError):
        train(SigtermAt(EncoderLearner(MELS, settings), stop_at), settings.training.schedule, "broken")
    resumed = EncoderLearner(MELS, settings)
    assert train(resumed, settings.training.schedule, "broken") == history
    for name, value in weights(whole).items():
        assert torch.equal(weights(resumed)[name], value), name


def test_encoder_overfits_one_batch(speech):
    """The loss on one batch falls to a twentieth within sixty steps."""
    learner = EncoderLearner(MELS, params())
    batch = learner.batch(0)

    class Fabric:
        backward = staticmethod(lambda loss: loss.backward())
        clip_gradients = staticmethod(
            lambda module, _, max_norm: torch.nn.utils.clip_grad_norm_(module.parameters(), max_norm)
        )

    losses = [float(learner.train_step(batch, step, Fabric)["loss"].detach()) for step in range(60)]
    assert losses[-1] < losses[0] / 20


def test_batch_is_a_function_of_its_index_without_padding(speech):
    """Asked twice, in any order, the same tensor; every frame is a frame of the data."""
    learner = EncoderLearner(MELS, params())
    first, again = learner.batch(5), (learner.batch(2), learner.batch(5))[1]
    assert torch.equal(first, again)
    assert not torch.equal(learner.batch(6)[..., :16], first[..., :16])
    assert first.shape[:3] == (4, 3, 40)
    assert bool((first.abs().sum(dim=2) > 0).all())


def test_partials_have_random_length_within_the_limits(speech):
    """The batches' lengths span the range that is asked for."""
    learner = EncoderLearner(MELS, params())
    lengths = {learner.batch(index).shape[-1] for index in range(60)}
    assert min(lengths) >= 16
    assert max(lengths) <= 24
    assert len(lengths) > 4


def test_too_few_speakers_are_named_with_the_remedy(speech):
    """Partials longer than any utterance leave nobody to train on."""
    with pytest.raises(TooFewSpeakersError, match=r"0 training speakers .* 500 frames .*partial_frames_min"):
        EncoderLearner(MELS, params(partial_frames_min=500, partial_frames_max=600))

from pathlib import Path
from typing import get_args
from unittest.mock import Mock

import pytest
import torch
from torch import nn

from pipeline import tables
from pipeline.training.encoder.learner import EncoderLearner, EncoderParams, TooFewSpeakersError
from pipeline.training.encoder.losses import Kind
from pipeline.training.loop.loop import PreemptedError, train
from tests.pipeline.training.stops import SigtermAt

MELS = Path("data/mels/speaker")


OFF = {
    "speeds": [], "max_tempo_change": 0.0, "equalizer_db": 0.0, "gain_db": 0.0,
    "reverberation": {
        "probability": 0.0, "rt60_min_s": 0.1, "rt60_max_s": 0.8, "direct_min_db": -3.0, "direct_max_db": 12.0,
    },
    "babble": {"probability": 0.0, "snr_min_db": 10.0, "snr_max_db": 20.0, "n_voices": 3},
    "noise": {"probability": 0.0, "snr_min_db": 5.0, "snr_max_db": 20.0, "max_tilt_db": 20.0},
    "band": {
        "probability": 0.0, "low_max_hz": 400.0, "high_min_hz": 3200.0, "slope_min_db": 12.0, "slope_max_db": 96.0,
    },
    "masks": {"n_time": 0, "time_frames": 4, "n_frequency": 0, "frequency_bands": 4},
}  # fmt: skip
ALL = {
    "speeds": [0.9, 1.1], "max_tempo_change": 0.1, "equalizer_db": 6.0, "gain_db": 6.0,
    "reverberation": OFF["reverberation"] | {"probability": 0.5}, "babble": OFF["babble"] | {"probability": 0.5},
    "noise": OFF["noise"] | {"probability": 0.5}, "band": OFF["band"] | {"probability": 0.1},
    "masks": OFF["masks"] | {"n_time": 1, "n_frequency": 1},
}  # fmt: skip
SIZES = {
    "lstm": {
        "embedding_dim": 8, "window_frames": 20, "window_overlap": 0.5, "n_layers": 1, "hidden_dim": 16,
        "projection_dim": 0, "pooling": "last", "attention_channels": 4,
    },
    "ecapa_tdnn": {
        "embedding_dim": 8, "window_frames": 0, "window_overlap": 0.5, "channels": 16, "kernel_sizes": [5, 3, 3],
        "dilations": [1, 2, 3], "stride": 1, "res2_scale": 4, "se_channels": 4, "mfa_channels": 24,
        "attention_channels": 4, "input_statistics": False,
    },
    "tdnn": {
        "embedding_dim": 8, "window_frames": 0, "window_overlap": 0.5, "channels": 16, "kernel_sizes": [5, 3],
        "dilations": [1, 2], "stride": 1, "attention_channels": 4, "input_statistics": True,
    },
}  # fmt: skip


OF_LOSSES = ("ge2e.scale", "ge2e.offset", "classifier.weight")


def params(architecture=None, loss="ge2e_softmax", augmentation=None, rate=None, **training):
    settings = {
        "schedule": {"seed": 1, "steps": 30, "validate_every": 10, "patience": 0, "precision": "32-true"},
        "loss": {"kind": loss, "aam_softmax": {"margin": 0.2, "scale": 30.0, "margin_warmup_steps": 10}},
        "n_speakers": 4, "n_utterances": 3, "partial_frames_min": 16, "partial_frames_max": 24, "optimizer": "adam",
        "learning_rate": {"peak": 0.01, "warmup_steps": 0, "decay": "none", "halve_every": 1, "final": 0.0}
        | (rate or {}), "weight_decay": 0.0, "gradient_clip": 3.0, "augmentation": augmentation or OFF,
    }  # fmt: skip
    hearing = {"arch": "lstm", "normalize": "global", "silence_db": 0.0, **SIZES} | (architecture or {})
    return EncoderParams.model_validate({"architecture": hearing, "training": settings | training})


def weights(learner):
    return {name: value.clone() for name, value in learner.modules["encoder"].state_dict().items()}


def steps(learner, n_steps, batch=None):
    """Losses of steps without the loop."""
    fabric = Mock()
    fabric.backward = lambda loss: loss.backward()
    fabric.clip_gradients = lambda module, _, max_norm: nn.utils.clip_grad_norm_(module.parameters(), max_norm)
    return [learner.train_step(batch or learner.batch(step), step, fabric)["loss"].item() for step in range(n_steps)]


ECAPA = {"arch": "ecapa_tdnn", "normalize": "utterance", "silence_db": 40.0}


@pytest.mark.parametrize(
    ("settings", "stop_at"),
    [*((params(), step) for step in (1, 10, 29)),
     (params(ECAPA, "aam_softmax_and_angular_prototypical", ALL, {"decay": "cosine", "warmup_steps": 5}), 13)],
)  # fmt: skip
def test_resumed_training_is_equal_to_the_bit(speech, settings, stop_at):
    """T7: stopped at a step by SIGTERM and started again, the final weights are those of the uninterrupted run.

    With every augmentation, batch norm, warm-ups and decay too.
    """
    whole = EncoderLearner(MELS, settings)
    history = train(whole, settings.training.schedule, "whole")
    with pytest.raises(PreemptedError):
        train(SigtermAt(EncoderLearner(MELS, settings), stop_at), settings.training.schedule, "broken")
    resumed = EncoderLearner(MELS, settings)
    assert train(resumed, settings.training.schedule, "broken") == history
    for name, value in weights(whole).items():
        assert torch.equal(weights(resumed)[name], value), name


def test_mini_trains_as_it_did_before_there_were_choices(speech):
    """Loss identical at fixed seed: these are the losses of the encoder that knew LSTM and GE2E softmax alone."""
    history = train(EncoderLearner(MELS, params()), params().training.schedule, "run")
    losses = [row["loss"] for row in history if row["split"] == "train"]
    assert losses == pytest.approx([0.18537986669689416, 0.09146056576864794, 0.024100902699865402], rel=1e-4)


def combinations():
    """Every loss with the LSTM and every network with one loss; the rest takes longer than `make test` may."""
    for kind in get_args(Kind):
        for arch in SIZES:
            soon = arch == "lstm" or kind == "ge2e_softmax"
            yield pytest.param(arch, kind, marks=[] if soon else pytest.mark.system)


@pytest.mark.parametrize(("arch", "kind"), combinations())
def test_encoder_overfits_one_batch(speech, arch, kind):
    """Every loss with every network falls on one batch, most of the way to what it can be."""
    learner = EncoderLearner(MELS, params({"arch": arch}, kind))
    losses = steps(learner, 80, learner.batch(0))
    assert losses[-1] < losses[0] / 5


@pytest.mark.parametrize("arch", ["lstm", *(pytest.param(a, marks=pytest.mark.system) for a in ("tdnn", "ecapa_tdnn"))])
def test_encoder_learns_under_all_augmentations(speech, arch):
    """The mean loss of the last batches is well below the first ones'."""
    losses = steps(EncoderLearner(MELS, params({"arch": arch}, augmentation=ALL)), 120)
    assert sum(losses[-20:]) < 0.7 * sum(losses[:20])


def test_encoder_learns_voices_that_it_was_not_trained_on(speech):
    """ECAPA-TDNN with AAM-softmax: the EER on the validation speakers falls below a third of chance."""
    settings = params({"arch": "ecapa_tdnn"}, "aam_softmax", n_utterances=2)
    history = train(EncoderLearner(MELS, settings), settings.training.schedule, "run")
    assert history[-1]["eer"] < 1 / 6


def test_batch_is_a_function_of_its_index_without_padding(speech):
    """Asked twice, in any order, the same tensor; every frame is a frame of the data."""
    learner = EncoderLearner(MELS, params())
    first, again = learner.batch(5).mels, (learner.batch(2), learner.batch(5))[1].mels
    assert torch.equal(first, again)
    assert not torch.equal(learner.batch(6).mels[..., :16], first[..., :16])
    assert first.shape[:3] == (4, 3, 40)
    assert bool((first.abs().sum(dim=2) > 0).all())


def test_partials_have_random_length_within_the_limits(speech):
    """The batches' lengths span the range that is asked for."""
    learner = EncoderLearner(MELS, params())
    lengths = {learner.batch(index).mels.shape[-1] for index in range(60)}
    assert min(lengths) >= 16
    assert max(lengths) <= 24
    assert len(lengths) > 4


@pytest.mark.parametrize(("loss", "scales"), [("ge2e_contrast", (0.5, 0.01)), ("aam_softmax", (1.0, 1.0))])
def test_ge2e_takes_smaller_steps_of_its_projection_and_scale(speech, loss, scales):
    """Section 3.1 of GE2E's paper; with SGD, since Adam's step does not depend on the gradient's scale."""
    lstm = {"arch": "lstm", "lstm": SIZES["lstm"] | {"projection_dim": 12}}
    settings = params(lstm, loss, rate={"peak": 10.0}, optimizer="sgd", gradient_clip=1e9)
    learner = EncoderLearner(MELS, settings)
    encoder, criterion, batch = learner.modules["encoder"], learner.modules["loss"], learner.batch(0)
    embeddings = encoder(batch.mels.flatten(0, 1)).reshape(4, 3, -1)
    named = dict(encoder.named_parameters()) | dict(criterion.named_parameters())
    before = {name: parameter.detach().clone() for name, parameter in named.items()}
    gradients = torch.autograd.grad(criterion(embeddings, batch.speakers, 0), list(named.values()))
    steps(learner, 1, batch)
    for (name, parameter), gradient in zip(named.items(), gradients, strict=True):
        scale = scales[0] if name.startswith("network.projection") else scales[1] if name in OF_LOSSES else 1.0
        taken = before[name] - parameter.detach()
        assert gradient.abs().max() > 0, name
        torch.testing.assert_close(taken, 10 * scale * gradient, rtol=1e-3, atol=1e-5, msg=name)
    assert any(name.startswith("network.projection") for name in named)


def test_speaker_of_both_splits_is_not_validated_on(speech):
    """Else the EER would be that of voices which were trained on."""
    rows = list(tables.iter_rows(MELS))
    for row in rows:
        if row["utterance_id"] in ("s0_u4", "s0_u5"):
            row["split"] = "validation"
    tables.write_shard(MELS / "part-00000.parquet", tables.MELS, rows, tables.read_metadata(MELS))
    assert set(EncoderLearner(MELS, params())._validation.speakers.tolist()) == {"s6", "s7"}


def test_too_few_speakers_are_named_with_the_remedy(speech):
    """Partials longer than any utterance leave nobody to train on."""
    with pytest.raises(TooFewSpeakersError, match=r"0 training speakers .* 500 frames .*partial_frames_min"):
        EncoderLearner(MELS, params(partial_frames_min=500, partial_frames_max=600))

"""How a model is called on the page."""

import json
from typing import get_args

import numpy as np
import pytest
from safetensors.numpy import save_file

from peewee_model.encoder.config import EncoderArchitecture
from peewee_model.vocoder.factory import VocoderConfig
from pipeline.evaluation.report import describe_model, row_names

ENCODERS = get_args(EncoderArchitecture.model_fields["arch"].annotation)
VOCODERS = [get_args(config.model_fields["arch"].annotation)[0] for config in get_args(get_args(VocoderConfig)[0])]


def write_model(folder, **config):
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    save_file({"a": np.zeros((2, 3), np.float32), "b": np.zeros((), np.float32)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize("arch", ENCODERS)
def test_every_encoder_is_named_as_one(tmp_path, arch):
    """`tdnn` was not in a list of encoders, so that it was called after its folder."""
    summary = describe_model(write_model(tmp_path / "encoder", arch=arch), 10)
    assert summary.architecture == f"speaker encoder, {arch.upper().replace('_', '-')}"
    assert (summary.name, summary.n_parameters, summary.n_steps) == ("encoder", 7, 10)


@pytest.mark.parametrize("arch", VOCODERS)
def test_every_vocoder_is_named(tmp_path, arch):
    """In the table of models and beside copy-synthesis; what is not trained has no learned numbers."""
    summary = describe_model(write_model(tmp_path / "vocoder", arch=arch), 0)
    named = row_names(arch)["copy_synthesis"].removeprefix("Copy-synthesis, ")
    assert summary.architecture.startswith(named) and named not in (arch, "")
    assert summary.n_parameters == (0 if arch == "griffin_lim" else 7)


@pytest.mark.parametrize(
    ("config", "name"),
    [
        ({"arch": "tacotron2", "speaker_embedding_dim": 0}, "Tacotron 2 of one voice"),
        ({"arch": "tacotron2", "speaker_embedding_dim": 4}, "Tacotron 2 with a speaker embedding"),
        ({"arch": "non_attentive", "speaker_embedding_dim": 4}, "Non-Attentive Tacotron with a speaker embedding"),
    ],
)
def test_synthesizer_is_named_by_its_network(tmp_path, config, name):
    """And by whether it has voices."""
    assert describe_model(write_model(tmp_path / "synthesizer", **config), 1).architecture == name

"""The encoder's stage: from a table of mels to a model in a folder."""

import json
from pathlib import Path

import pytest
import torch

from peewee_model.encoder.speaker_encoder import load_encoder
from peewee_model.errors import ConfigError
from pipeline.stages import train_encoder as stage
from tests.pipeline.training.encoder.test_learner import params


@pytest.fixture
def train(speech, monkeypatch):
    """`train(**changes)` runs the stage for four steps on the small tables, with these changes of its parameters."""

    def train(**changes):
        schedule = {"seed": 1, "steps": 4, "validate_every": 2, "patience": 0, "precision": "32-true"}
        document = {
            "base": {"release": None, "parts": []},
            "encoder": params(schedule=schedule).model_dump(),
            "weights": {"dtype": "float32"},
        } | changes
        monkeypatch.setattr(stage, "read", lambda _: stage.Params.model_validate(document))
        stage.train_encoder()
        return {path.name: path.read_bytes() for path in sorted(Path("models/encoder").iterdir())}

    return train


def test_stage_leaves_a_model_that_loads_and_its_history(train):
    """The history has each validation; no checkpoint stays."""
    files = train()
    assert files.keys() == {"config.json", "model.safetensors", "training.jsonl"}
    history = [json.loads(line) for line in files["training.jsonl"].splitlines()]
    assert max(row["step"] for row in history) == 4
    assert not list(Path(".checkpoints").rglob("*.safetensors"))
    embedding = load_encoder(Path("models/encoder")).embed_utterance(torch.zeros(40, 60))
    assert torch.isfinite(embedding).all()


def test_stage_gives_the_same_weights_twice(train):
    """On a CPU a training is a function of its inputs."""
    assert train()["model.safetensors"] == train()["model.safetensors"]


def test_no_steps_without_a_release_to_start_from_are_refused(train):
    """Untrained weights are no encoder."""
    schedule = {"seed": 1, "steps": 0, "validate_every": 2, "patience": 0, "precision": "32-true"}
    with pytest.raises(ConfigError, match="steps"):
        train(encoder=params(schedule=schedule).model_dump())
    assert not Path("models/encoder").exists()

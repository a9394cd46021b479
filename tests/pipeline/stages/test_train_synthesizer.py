"""The synthesizer's stage: from tables to a model in a folder, if it knows which token is when."""

import json
from pathlib import Path

import pytest

from peewee_model.errors import ConfigError
from peewee_model.synthesizer.factory import load_synthesizer
from pipeline.stages import train_synthesizer as stage
from pipeline.training.synthesizer.learner import NotAlignedError
from tests.pipeline.training.synthesizer.test_learner import params, timed  # noqa: F401 - a fixture


@pytest.fixture
def train(speech, params, monkeypatch):  # noqa: F811 - the fixture
    """`train(arch, **changes)` runs the stage on the small tables, with these changes of `synthesizer.training`."""

    def train(arch, **changes):
        section = (timed(params) if arch == "non_attentive" else params).model_dump()
        section["training"] |= {"min_diagonality": 0.0, "min_focus_rate": 0.0} | changes
        document = {
            "base": {"release": None, "parts": []},
            "synthesizer": section,
            "text": {"units": "graphemes", "language": "en-us"},
            "weights": {"dtype": "float32"},
        }
        monkeypatch.setattr(stage, "read", lambda _: stage.Params.model_validate(document))
        stage.train_synthesizer()
        return {path.name: path.read_bytes() for path in sorted(Path("models/synthesizer").iterdir())}

    return train


@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_stage_leaves_a_model_that_loads_and_its_history(train, arch):
    """Of the network that was asked for; no checkpoint stays, and a second training gives the same bytes."""
    files = train(arch)
    assert files.keys() == {"config.json", "model.safetensors", "training.jsonl"}
    assert max(json.loads(row)["step"] for row in files["training.jsonl"].splitlines()) == 12
    assert not list(Path(".checkpoints").rglob("*.safetensors"))
    assert load_synthesizer(Path("models/synthesizer")).config.arch == arch
    assert train(arch) == files


def test_no_steps_without_a_release_to_start_from_are_refused(train, params):  # noqa: F811
    """Untrained weights are no synthesizer."""
    with pytest.raises(ConfigError, match="steps of the synthesizer is 0"):
        train("tacotron2", schedule=params.training.schedule.model_dump() | {"steps": 0})
    assert not Path("models/synthesizer").exists()


@pytest.mark.parametrize(
    ("least", "complaint"),
    [
        ({"min_diagonality": 1.0}, r"diagonality is 0\.\d\d, synthesizer\.training\.min_diagonality asks for 1\.0"),
        ({"min_focus_rate": 1.0}, r"focus_rate is 0\.\d\d, synthesizer\.training\.min_focus_rate asks for 1\.0"),
    ],
)
@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_training_that_aligned_nothing_fails(train, arch, least, complaint):
    """Durations too, though these are always one token a step: what the aligner finds is measured."""
    with pytest.raises(NotAlignedError, match=complaint):
        train(arch, **least)
    assert not Path("models/synthesizer").exists()

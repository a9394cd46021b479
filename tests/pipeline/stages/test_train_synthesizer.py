"""A synthesizer that does not know which token is when is no result."""

from pathlib import Path

import pytest

from pipeline.stages import train_synthesizer as stage
from pipeline.training.synthesizer.learner import NotAlignedError
from tests.pipeline.training.synthesizer.test_learner import params, timed  # noqa: F401 - a fixture


@pytest.mark.parametrize(
    ("least", "complaint"),
    [
        ({"min_diagonality": 1.0}, r"diagonality is 0\.\d\d, synthesizer\.training\.min_diagonality asks for 1\.0"),
        ({"min_focus_rate": 1.0}, r"focus_rate is 0\.\d\d, synthesizer\.training\.min_focus_rate asks for 1\.0"),
    ],
)
@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_training_that_aligned_nothing_fails(speech, params, monkeypatch, arch, least, complaint):  # noqa: F811
    """Durations too, though what they make is always one token a step: what the aligner thinks is asked."""
    asked = {"min_diagonality": 0.0, "min_focus_rate": 0.0} | least
    section = (timed(params) if arch == "non_attentive" else params).model_dump()
    section["training"] |= asked
    document = {
        "base": {"release": None, "parts": []},
        "synthesizer": section,
        "text": {"units": "graphemes", "language": "en-us"},
        "weights": {"dtype": "float32"},
    }
    monkeypatch.setattr(stage, "read", lambda _: stage.Params.model_validate(document))
    with pytest.raises(NotAlignedError, match=complaint):
        stage.train_synthesizer()
    assert not Path("models/synthesizer").exists()

import numpy as np
import pytest

from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges import models
from pipeline.evaluation.judges.panel import Panel, PanelConfig, describe_judges
from tests.pipeline.evaluation.judges.speech import TEXT, recording
from tests.pipeline.evaluation.test_lengths import SPEECH

ALL = PanelConfig(RecognizerConfig(name="moonshine"), ("dnsmos", "distill_mos"), "swift_f0", "en-us")
NONE = PanelConfig(RecognizerConfig(name="none"), (), "none", "en-us")
PROSODY = {"f0_hz", "f0_deviation", "voiced", "harmonic_ripple", "pace"}


def test_panel_measures_what_is_asked_for():
    """All of it for a person's speech; for no samples at all the text alone; and nothing where nothing is asked for."""
    panel = Panel(ALL)
    found = panel.judge(TEXT, recording(), 16_000)
    assert found.keys() == {"recognized", "cer", "wer", "dnsmos", "distill_mos"} | PROSODY
    assert found["cer"] <= 0.03 and found["dnsmos"] > 3 and found["distill_mos"] > 4
    empty = panel.judge(TEXT, np.zeros(0, dtype=np.float32), 16_000)
    assert empty == {"recognized": "", "cer": 1.0, "wer": 1.0}
    assert Panel(NONE).judge(TEXT, recording(), 16_000) == {}


def test_speech_beyond_full_scale_is_judged_as_it_is_written():
    """Files to listen to are scaled down; a network that wants [-1, 1] receives it."""
    panel = Panel(PanelConfig(RecognizerConfig(name="none"), ("dnsmos",), "none", "en-us"))
    loud = recording() / np.abs(recording()).max()
    scores = [panel.judge(TEXT, level * loud, 16_000)["dnsmos"] for level in (1, 3)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


def test_metrics_name_each_model_with_its_hash():
    """A figure without the model that made it can't be compared."""
    config = SPEECH.model_copy(
        update={"recognizer": ALL.recognizer, "naturalness": ALL.naturalness, "pitch": ALL.pitch}
    )
    described = describe_judges(config)
    assert described.keys() == {"recognizer", "dnsmos", "distill_mos", "swift_f0"}
    assert described["recognizer"] == {
        "name": "moonshine", "title": "Moonshine tiny.en", "sha256": models.MOONSHINE.sha256,
    }  # fmt: skip
    assert describe_judges(SPEECH) == {}

import pytest
from pydantic import TypeAdapter, ValidationError

from pipeline.evaluation.gate import AtLeast, AtMost, GateConfig, check_gate, gate_document

METRICS = {"speaker": {"eer": 0.08, "n_trials": 50}, "speech": {"synthesized": {"diagonality": 0.9}}}


@pytest.mark.parametrize(
    ("path", "threshold", "passed"),
    [
        ("speaker.eer", AtMost(max=0.08), True),
        ("speaker.eer", AtMost(max=0.0799), False),
        ("speaker.n_trials", AtLeast(min=50), True),
        ("speech.synthesized.diagonality", AtLeast(min=0.95), False),
        ("speech.synthesized.similarity", AtLeast(min=0.0), False),  # absent
        ("speech.synthesized", AtLeast(min=0.0), False),  # not a number
    ],
)
def test_gate_checks_metric_against_threshold(path, threshold, passed):
    """Each operator, below and above its bound; what is absent or no number fails."""
    (check,) = check_gate({path: threshold}, METRICS)
    assert check.passed is passed
    assert gate_document([check])["passed"] is passed


def test_gate_names_each_failure_and_lists_checks_in_order():
    """The page shows them so."""
    checks = check_gate(
        {"speech.mcd_db": AtMost(max=8), "speaker.eer": AtMost(max=0.05), "speaker.n_trials": AtLeast(min=1)}, METRICS
    )
    document = gate_document(checks)
    assert [check["metric"] for check in document["checks"]] == ["speaker.eer", "speaker.n_trials", "speech.mcd_db"]
    assert document["passed"] is False
    assert document["failures"] == [
        "speaker.eer is 0.08, the gate asks for <= 0.05",
        "speech.mcd_db was not measured, the gate asks for <= 8",
    ]


@pytest.mark.parametrize("threshold", [{}, {"max": 1, "min": 0}, {"maximum": 1}, 0.5])
def test_threshold_is_one_bound(threshold):
    """None, both, an unknown one and a bare number are refused."""
    with pytest.raises(ValidationError):
        TypeAdapter(GateConfig).validate_python({"speaker.eer": threshold})


def test_gate_repeats_why_a_metric_was_not_measured():
    """A missing figure is a failure with a reason."""
    metrics = {"speaker": {"n_speakers": 0, "not_measured": "nobody is left out"}, "speech": {"not_measured": 1}}
    checks = check_gate({"speaker.eer": AtMost(max=0.1), "speech.cer": AtMost(max=1)}, metrics)
    document = gate_document(checks)
    assert document["failures"] == [
        "speaker.eer was not measured, the gate asks for <= 0.1: nobody is left out",
        "speech.cer was not measured, the gate asks for <= 1",
    ]
    assert [set(check) for check in document["checks"]] == [{"metric", "op", "threshold", "value", "passed"}] * 2

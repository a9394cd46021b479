"""What figures are called, wherever they are shown."""

import json

import pytest

from peewee_model.errors import TamperedReleaseError
from peewee_model.metric_labels import LABELS_FILE, Labels, MetricLabel, PartLabel, before_labels, release_labels

EER = MetricLabel(
    key="eer", name="equal error rate", short="EER", unit="%", decimals=1, places=("list",), headlines=("speaker", "x")
)
LABELS = Labels(
    metrics=(EER, MetricLabel(key="mcd_db", name="distortion", unit="dB", decimals=2, places=("card",))),
    parts=(PartLabel(key="synthesized", name="made"), PartLabel(key="seen", name="known")),
)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("speaker.eer", 0.0442, "4.4 %"),
        ("speaker.eer_low", 0.5, "50.0 %"),
        ("speaker.eer", 0.0, "0 %"),
        ("speaker.eer", None, "–"),
        ("speech.mcd_db", 5.456, "5.46 dB"),
        ("speech.unknown", 5.4567, "5.457"),
        ("speech.unknown", 54.567, "54.6"),
        ("speech.unknown", 12720, "12,720"),
        ("speech.unknown", None, "–"),
    ],
)
def test_value_has_the_unit_and_decimals_of_its_metric(path, value, text):
    """An end of an interval is written as the metric; an unknown metric by the size of the number."""
    assert LABELS.text(path, value) == text


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("speaker.eer", "equal error rate"),
        ("speech.seen.synthesized.mcd_db", "distortion, made, known"),
        ("speech.synthesized.odd_one", "odd one, made"),
    ],
)
def test_figure_is_named_by_its_path(path, name):
    """The metric first, then what it was measured on, the nearest part first."""
    assert LABELS.name(path) == name


def test_place_lists_what_was_measured_in_the_order_of_the_table():
    """A metric that no row has is left out; a zero was measured."""
    assert [label.key for label in LABELS.at("card")] == ["mcd_db"]
    assert LABELS.at("card", {"mcd_db": None}, {}) == []
    assert [label.key for label in LABELS.at("card", {}, {"mcd_db": 0.0})] == ["mcd_db"]


def test_headlines_are_those_that_were_measured():
    """A text, a truth value or a missing section is no figure."""
    metrics = {"speaker": {"eer": 0.05}, "x": {"eer": True}}
    (headline,) = LABELS.headlines(metrics)
    assert (headline.path, headline.name, headline.value, headline.text) == (
        "speaker.eer", "equal error rate", 0.05, "5.0 %",
    )  # fmt: skip
    assert LABELS.headlines({"speaker": "none", "x": {"eer": "high"}}) == []
    assert LABELS.listed(metrics) == {"EER": headline}


def test_labels_of_a_later_release_are_read():
    """Unknown keys and places are ignored."""
    document = json.loads(LABELS.model_dump_json())
    document["more"] = 1
    document["metrics"][0] |= {"colour": "red", "places": ["hologram"]}
    assert Labels.parse(json.dumps(document)).find("eer").places == ("hologram",)


def broken(name):
    raise TamperedReleaseError(f"{name} differs")


@pytest.mark.parametrize(
    "read", [lambda _: b"", lambda _: b"[" * 100_000, lambda _: b'{"metrics": 1}', lambda _: b"\xff", broken]
)
def test_release_whose_labels_can_not_be_read_is_shown_as_one_without(read):
    """The figures are in the manifest; a damaged side file hides none of them."""
    assert release_labels({LABELS_FILE}, read) == before_labels()


def test_release_without_labels_has_the_headlines_of_its_time():
    """Nothing is read."""
    assert release_labels({"MODEL_CARD.md"}, broken) == before_labels()
    found = before_labels().listed({"speaker": {"eer": 0.04}, "speech": {"synthesized": {"cer": 0.2}}})
    assert {title: headline.text for title, headline in found.items()} == {"EER": "4.0 %", "CER": "20.0 %"}

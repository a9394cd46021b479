"""What a run is to change of params.yaml, and what people type into a plan."""

import pytest

from peewee_model.errors import ConfigError
from peewee_model.public_text import PlainLineError
from pipeline.commands import worker
from pipeline.params.yaml_file import load_yaml
from pipeline.runs.planning import change_params, checked_reason, parse_overrides
from tests.unreadable import READABLE, TEXTS

PARAMS = """\
# the corpus
gate:
  speaker.eer:
    max: 0.10  # at most
train: {steps: 3, betas: [0.9, 0.99]}
"""


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        ("gate.speaker.eer.max=0.2", ("gate", "speaker.eer", "max"), 0.2),
        ("train.steps=1e3", ("train", "steps"), 1000.0),
        ("train.betas=[0.5, 0.9]", ("train", "betas"), [0.5, 0.9]),
        ("train.steps=a=b", ("train", "steps"), "a=b"),
    ],
)
def test_override_sets_one_value(tmp_path, item, path, value):
    """Keys with dots in them as well; comments stay."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    text = change_params(tmp_path, None, parse_overrides([item]))
    assert text
    found = load_yaml(text)
    for key in path:
        found = found[key]
    assert found == value
    assert "# at most" in text


def test_override_that_changes_nothing_makes_no_commit(tmp_path):
    """The run is then of the commit itself."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    assert change_params(tmp_path, None, {"train.steps": 3}) is None


@pytest.mark.parametrize("item", ["train.stepps=1", "gate.max=1", "train.steps.more=1", "=1", "train", "train=["])
def test_override_that_fits_nothing_is_refused(tmp_path, item):
    """It is a slip of the pen, and would otherwise change nothing unseen."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    with pytest.raises(ConfigError, match="--set"):
        change_params(tmp_path, None, parse_overrides([item]))


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_that_not_everybody_can_read_plans_nothing(tmp_path, monkeypatch, capsys, repository, text):
    """T28: as any text of a plan; the remote stays empty, the answer is one line, exit code 2."""
    monkeypatch.setenv("PEEWEE_REMOTE", str(tmp_path / "remote"))
    monkeypatch.setenv("PEEWEE_SCRATCH", str(tmp_path / "scratch"))
    asked = {"--run": "one", "--repository": str(repository), "--set": "evaluate.seed=2"}
    for option in ("--run", "--repository", "--revision", "--profile", "--set", "--reason"):
        given = {**asked, option: f"evaluate.seed={text}" if option == "--set" else text}
        code = worker.main(["plan", *(part for pair in given.items() for part in pair)])
        said = capsys.readouterr()
        assert (code, said.out) == (2, "")
        assert len(said.err.strip().splitlines()) == 1
        assert option in said.err
        assert len(said.err) < 500
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("escape", [r"\uDCFC", r"\0", r"\e[2J", r"\u202E", r"\uFFFF"])
def test_escape_of_yaml_is_seen_through(escape):
    """YAML makes a character of it that no reader of a plan or of a release should get, or refuses it."""
    with pytest.raises(ConfigError, match=r"^--set key: (inner holds |the value is not YAML.* invalid Unicode)"):
        parse_overrides([f'key={{inner: ["{escape}"]}}'])


def test_override_may_be_as_long_as_a_list_of_archives():
    """The watch over corpora sends all sources in one value."""
    urls = [f"https://example.org/{number:064}.tar.gz" for number in range(500)]
    assert parse_overrides([f"corpus.urls={urls}"]) == {"corpus.urls": urls}


@pytest.mark.parametrize("reason", READABLE)
def test_reason_of_any_language_stays_as_it_is(reason):
    """It becomes one line."""
    assert checked_reason(f"{reason}\n", run="one", profile=None) == reason


def test_reason_may_be_left_out():
    """A schedule has none."""
    assert checked_reason(" \n") == ""
    with pytest.raises(PlainLineError, match="--run is blank"):
        checked_reason("", run=" ")

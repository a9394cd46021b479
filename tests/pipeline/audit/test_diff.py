"""`peewee-tts audit diff`."""

import json

import pytest
from typer.testing import CliRunner

from peewee_model.errors import PeeweeError, ReleaseNotFoundError
from peewee_model.release.manifest import CodeEntry, hash_file
from peewee_model.store.store import open_store
from pipeline.audit.diff import Change, SplitSize, compare, compare_data, flatten
from pipeline.commands.audit import app
from pipeline.release.provenance import write_provenance
from tests.pipeline.audit.small_store import publish, utterance, write_utterances

BEFORE = [
    utterance("toy_1_a", "toy_1", duration_s=3600.0),
    utterance("toy_1_b", "toy_1"),
    utterance("toy_2_a", "toy_2", split="test", duration_s=1800.0),
    utterance("toy_3_a", "toy_3"),
]
AFTER = [
    utterance("toy_1_a", "toy_1", duration_s=3600.0, audio_sha256="recorded anew"),
    utterance("toy_1_b", "toy_1", text="Another text.", normalized_text="another text"),
    utterance("toy_2_a", "toy_2", split="validation", duration_s=1800.0),
    utterance("toy_4_a", "toy_4", duration_s=7200.0),
]


def provenance(lock, tmp_path):
    (tmp_path / "requirements.lock").write_text(lock)
    entry = hash_file(tmp_path / "requirements.lock")
    code = CodeEntry(commit=None, modified=())
    return write_provenance(
        files={"MODEL_CARD.md": entry}, params={}, lineage={}, code=code, project={"requirements.lock": entry}
    )


@pytest.fixture
def store(tmp_path):
    """A store of two releases that differ in everything, and their versions."""
    address = str(tmp_path / "store")
    stage = {"cmd": "python -m pipeline train_encoder", "deps": [], "params": {}}

    def made(md5):
        out = {"path": "models/encoder", "algorithm": "md5", "hash": md5, "size": 1, "n_files": 1}
        return {"train_encoder": {**stage, "outs": [out]}}

    before = publish(
        tmp_path / "before", address, BEFORE,
        params={"encoder": {"training": {"steps": 400, "rates": [1, 2]}}, "gone": 1},
        metrics={"speaker": {"eer": 0.25}},
        code={"commit": "a" * 40, "modified": []},
        lineage=made("0" * 32),
        files={"provenance.json": provenance("torch==2.12", tmp_path)},
    )  # fmt: skip
    after = publish(
        tmp_path / "after", address, AFTER, channel="candidate",
        params={"encoder": {"training": {"steps": 800, "rates": [1, 2]}}},
        metrics={"speaker": {"eer": 0.125}},
        code={"commit": "b" * 40, "modified": ["params.yaml"]},
        lineage=made("1" * 32),
        files={"provenance.json": provenance("torch==2.13", tmp_path)},
    )  # fmt: skip
    return address, before, after


def test_diff_names_utterances_speakers_and_hours(store):
    """Added, removed, and changed by each aspect alone."""
    address, before, after = store
    difference = compare(open_store(address), "stable", "candidate")
    assert (difference.before, difference.after, difference.unknown) == (before, after, None)
    data = difference.data
    assert data is not None
    assert (data.added, data.removed) == (("toy_4_a",), ("toy_3_a",))
    assert data.changed == {
        "audio": ("toy_1_a",),
        "text": ("toy_1_b",),
        "spoken_text": ("toy_1_b",),
        "speaker": (),
        "split": ("toy_2_a",),
    }
    assert (data.speakers_added, data.speakers_removed) == (("toy_4",), ("toy_3",))
    assert data.splits == (
        SplitSize("test", (1, 0), (1, 0), (0.5, 0.0)),
        SplitSize("train", (3, 3), (2, 2), (pytest.approx(1 + 4 / 3600), pytest.approx(3 + 2 / 3600))),
        SplitSize("validation", (0, 1), (0, 1), (0.0, 0.5)),
    )


@pytest.mark.parametrize(
    ("column", "aspect"),
    [
        ("audio_sha256", "audio"),
        ("text", "text"),
        ("normalized_text", "spoken_text"),
        ("speaker_id", "speaker"),
        ("split", "split"),
    ],
)
def test_diff_names_the_one_aspect_that_changed(tmp_path, column, aspect):
    """One column of one utterance is another, and nothing else is named."""
    paths = [tmp_path / "before.parquet", tmp_path / "after.parquet"]
    write_utterances(paths[0], BEFORE)
    write_utterances(paths[1], [BEFORE[0] | {column: "toy_3"}, *BEFORE[1:]])
    changed = compare_data(*paths).changed
    assert {name: names for name, names in changed.items() if names} == {aspect: ("toy_1_a",)}


def test_diff_names_parameters_code_dependencies_metrics_and_stages(store):
    """What is the same is not named."""
    difference = compare(open_store(store[0]), store[1], store[2])
    assert difference.params == (Change("encoder.training.steps", 400, 800), Change("gone", 1, None))
    assert difference.metrics == (Change("speaker.eer", 0.25, 0.125),)
    assert difference.code == (
        Change("commit", "a" * 40, "b" * 40),
        Change("modified", None, "params.yaml"),
    )
    assert [change.name for change in difference.dependencies] == ["requirements.lock"]
    assert difference.stages == ("train_encoder",)
    assert [change.name for change in difference.files] == ["features.json", "provenance.json"]


def test_diff_of_a_release_with_itself_is_empty(store):
    """Nothing is named, and the table says so."""
    difference = compare(open_store(store[0]), "stable", "stable")
    assert difference.data is not None
    assert not any((difference.data.added, difference.data.removed, *difference.data.changed.values()))
    assert not any((difference.code, difference.params, difference.metrics, difference.stages, difference.files))


def test_diff_prints_a_table_and_json(store):
    """Both tell the same."""
    told = CliRunner().invoke(app, ["diff", "stable", "candidate", "--store", store[0]])
    assert told.exit_code == 0
    for words in ("1 utterance: toy_4_a", "encoder.training.steps  400 -> 800", "0.25 -> 0.125", "requirements.lock"):
        assert words in told.output
    document = json.loads(
        CliRunner().invoke(app, ["diff", "stable", "candidate", "--json", "--store", store[0]]).output
    )
    assert document["data"]["added"] == ["toy_4_a"]
    assert document["params"][0] == {"name": "encoder.training.steps", "before": 400, "after": 800}


def test_diff_without_the_tables_tells_the_rest_and_fails(tmp_path):
    """A release published without features can't be compared by its data; the output says so, and the command fails."""
    address = str(tmp_path / "store")
    one = publish(tmp_path / "one", address, BEFORE, params={"a": 1})
    two = publish(tmp_path / "two", address, AFTER, params={"a": 2}, with_features=False)
    told = CliRunner().invoke(app, ["diff", one, two, "--store", address])
    assert "a  1 -> 2" in told.output and "unknown" in told.output
    assert isinstance(told.exception, PeeweeError) and "no features" in str(told.exception)


def test_diff_of_an_unknown_version_names_it(store):
    """The error lists what there is."""
    with pytest.raises(ReleaseNotFoundError, match=f"no release {'0' * 16}; it has: "):
        compare(open_store(store[0]), "0" * 16, "stable")


def test_flatten_numbers_mappings_in_lists_and_keeps_other_lists():
    """By hand."""
    document = {"a": {"b": [1, 2]}, "c": [{"d": 1}, {"d": 2}], "e": None, "f": {}}
    assert flatten(document) == {"a.b": [1, 2], "c.0.d": 1, "c.1.d": 2, "e": None}

"""What the worker keeps in the remote: entries of a run, and results by what they were made of."""

import io
import subprocess

import pytest
from ruamel.yaml import YAML

from pipeline.params.yaml_file import dump_yaml, load_yaml
from pipeline.runs.records import Entry, Records, RunError, clean_run_id

LOCKED = """
cmd: python -m pipeline train
deps: [{path: b, md5: '1', size: 3}, {path: a, md5: '2'}]
params: {params.yaml: {train: {rate: 1e-06, steps: 3}}}
outs: [{path: models/a, md5: 3.dir, nfiles: 2}]
"""


@pytest.fixture
def records(tmp_path):
    return Records(str(tmp_path / "remote"))


def entry(**changes):
    return Entry({**load_yaml(LOCKED), **changes})


def test_numbers_survive_as_dvc_writes_them():
    """DVC writes 1e-06, which PyYAML would read as a string, and DVC then see a changed parameter."""
    editor, buffer = YAML(), io.BytesIO()
    editor.dump({"rate": 1e-6, "off": "no", "text": "1e-6"}, buffer)
    assert load_yaml(dump_yaml(load_yaml(buffer.getvalue()))) == {"rate": 1e-6, "off": "no", "text": "1e-6"}


def test_key_depends_on_all_that_was_read_and_on_nothing_else():
    """Sizes, order and what was written do not matter."""
    same = entry(
        deps=[{"path": "a", "md5": "2"}, {"path": "b", "md5": "1"}], outs=[{"path": "models/a", "md5": "4.dir"}]
    )
    assert same.key() == entry().key()
    different = [
        entry(cmd="python -m pipeline tune"),
        entry(deps=[{"path": "a", "md5": "2"}]),
        entry(deps=[{"path": "a", "md5": "2"}, {"path": "b", "md5": "5"}]),
        entry(params={"params.yaml": {"train": {"rate": 1e-5, "steps": 3}}}),
        entry(outs=[{"path": "models/b", "md5": "3.dir"}]),
    ]
    assert len({entry().key(), *(other.key() for other in different)}) == 6


def test_first_entry_of_a_run_counts(records):
    """Whoever comes second gets the first one's."""
    second = entry(outs=[{"path": "models/a", "md5": "9.dir"}])
    assert records.add_entry("r", "train", entry()) == entry()
    assert records.add_entry("r", "train", second) == entry()
    assert records.done("r") == ["train"]
    assert records.entry("r", "tune") is None


def test_results_are_found_by_key_and_a_changed_one_is_not(records, tmp_path):
    """A file that does not fit its name was tampered with."""
    second = entry(outs=[{"path": "models/a", "md5": "9.dir"}])
    for result in (entry(), second, entry()):
        records.add_result("train", result)
    assert len(records.results("train", entry().key())) == 2
    assert records.results("train", "0" * 64) == []
    for path in (tmp_path / "remote/results").rglob("*.yaml"):
        path.write_bytes(path.read_bytes().replace(b"3.dir", b"4.dir"))
    assert records.results("train", entry().key()) == [second]


@pytest.mark.parametrize("text", ["", "[", "cmd: x", "a list"])
def test_damaged_entry_is_named(records, tmp_path, text):
    """With the file's name and what to do."""
    path = tmp_path / "remote/runs/r/lock/train.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(RunError, match=r"runs/r/lock/train.yaml .*start a new run"):
        records.entry("r", "train")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("scheduled__2026-11-24T00:00:00+00:00", "scheduled__2026-11-24t00-00-00-00-00"),
        ("../../etc", "etc"),
        ("a.lock", "a-lock"),
        ("R 1", "r-1"),
    ],
)
def test_run_id_can_be_a_folder_and_a_branch(given, name):
    """Schedulers name runs as they like."""
    assert clean_run_id(given) == name
    subprocess.run(["git", "check-ref-format", f"refs/heads/runs/{clean_run_id(given)}"], check=True)


def test_long_run_ids_stay_different():
    """They are cut, and a hash keeps them different."""
    first, second = clean_run_id("x" * 200 + "1"), clean_run_id("x" * 200 + "2")
    assert first != second
    assert len(first) == 100

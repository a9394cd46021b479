"""YAML is read as DVC reads it, and what is wrong with a file is one line."""

import pytest

from peewee_model.errors import ConfigError
from pipeline.params.params import Section, read
from pipeline.params.yaml_file import dump_yaml, load_yaml, read_yaml
from tests.closure import ROOT

ODD = ("010", "0o10", "1e-06", "1e3", "yes", "no", "12:30", "1_000", "0x1F", "~", "on", "+1", "-010", ".5", "0.10")


class Number(Section):
    n_samples: float


class Wanted(Section):
    evaluate: Number


@pytest.mark.parametrize("text", ODD)
def test_a_value_is_what_dvc_takes_it_for(text):
    """DVC compares and records it; the stage computes with it."""
    from dvc.utils.serialize import parse_yaml

    ours, dvcs = load_yaml(f"n: {text}"), parse_yaml(f"n: {text}", "params.yaml")
    assert ours == dvcs
    assert type(ours["n"]) is type(dvcs["n"])


def test_a_leading_zero_is_no_octal_number(tmp_path):
    """PyYAML read 8, and DVC recorded 10."""
    (tmp_path / "params.yaml").write_text("evaluate: {n_samples: 010}\n")
    assert read(Wanted, tmp_path / "params.yaml").evaluate.n_samples == 10


def test_aliases_are_read():
    """One value written once, as in any YAML file; a merge key too."""
    assert load_yaml("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}") == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}


@pytest.mark.parametrize("text", ["", "# all of it is a comment\n", "---\n"])
def test_an_empty_file_is_named(tmp_path, text):
    """An editor that was killed leaves one."""
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"params\.yaml is empty; restore it"):
        read_yaml(tmp_path / "params.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "b:\n  url: https://ada:secret@host/\n  url: https://ada:secret@host/\n",
            "the key 'url' is there twice",
        ),
        ("a:\n\tb: 1\n", "in line 2: found"),
        ("a: *nowhere\n", "in line 1: found undefined alias"),
        ("a: [1, 2\n", "is not valid YAML in line"),
        ("a: !!python/object/apply:os.system [ls]\n", "in line 1: could not determine a constructor"),
        ("a: 1\n---\nb: 2\n", "in line 2: but found another document"),
        ("a: b: c\n", "in line 1: mapping values are not allowed"),
        ("a: 2026-02-30\n", "is not valid YAML: day"),
        ("1: a\n", "the section 1 is no name"),
        ("- 1\n", "expected sections at the top level, found list"),
        ("plain text\n", "expected sections at the top level, found str"),
        (b"a: caf\xe9\n", "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_one_line_without_values(tmp_path, text, message):
    """The file, the line and the kind of mistake; a value may hold a password."""
    path = tmp_path / "params.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as refused:
        read_yaml(path)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value) and "secret" not in str(refused.value)


def test_a_file_that_is_a_folder_is_named(tmp_path):
    """Or that may not be read."""
    with pytest.raises(ConfigError, match=r"can't be read: Is a directory; see who may read it"):
        read_yaml(tmp_path)


def test_what_is_written_is_read_back():
    """dvc.lock and the records of runs are written by the same library."""
    document = {"a": ["010", 10, 1e-06, "no", None, True, "é"], "b": {"c": ""}}
    assert load_yaml(dump_yaml(document)) == document


def test_our_own_files_are_read():
    """The graph, the parameters and every profile."""
    files = [ROOT / "dvc.yaml", ROOT / "params.yaml", *(ROOT / "pipeline/profiles").glob("*.yaml")]
    assert len(files) > 8
    assert all(read_yaml(path) for path in files)

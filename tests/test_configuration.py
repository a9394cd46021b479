"""Environment variables: one module names them, and docs/configuration.md documents all of them."""

import re

import pytest

from peewee_model import environment
from peewee_model.errors import ConfigError
from tests.closure import ROOT, sources

ROW = re.compile(r"^\| `(PEEWEE_[A-Z0-9_]+)` \| (.+?) \| (?:`(.*?)`|.*?) ?\|$", re.MULTILINE)
INTERNAL = {"PEEWEE_EMBEDDED_AIRFLOW", "PEEWEE_NAME"}
"""A mark that `infra/airflow/start.py` gives its own processes, and a placeholder in a docstring."""


def documented():
    return {row[1]: (row[2], row[3]) for row in ROW.finditer((ROOT / "docs/configuration.md").read_text())}


def test_variables_of_the_library_are_documented_in_its_own_words():
    """The sentence in the module is the sentence in the document, and so is the default."""
    rows = documented()
    for variable in environment.ALL:
        assert rows[variable.name] == (variable.meaning, variable.default or None)


def test_every_variable_in_the_code_is_documented_and_no_other():
    """A variable that nobody documents is one that nobody finds."""
    code = [*sources(), *(ROOT / "infra").rglob("*.py")]
    used = {name for path in code for name in re.findall(r"(?<![A-Z_])PEEWEE_[A-Z0-9_]+", path.read_text())}
    assert used - INTERNAL == documented().keys()


def test_only_one_module_reads_the_variables():
    """Elsewhere one default would be written twice."""
    for path in sources():
        if path.name == "environment.py" or path.relative_to(ROOT).parts[0] == "dags":
            continue
        found = re.findall(r"(?:os\.environ|getenv)[^\n]*PEEWEE_", path.read_text())
        assert not found, f"{path} reads {found}; use peewee_model.environment"


def test_an_empty_variable_is_unset(monkeypatch):
    """`PEEWEE_STORE= dvc repro` publishes where `dvc repro` does."""
    monkeypatch.setenv("PEEWEE_STORE", "")
    assert environment.STORE.text() == "store"
    assert not environment.STORE.is_set()
    assert environment.SIGNING_KEY.path() is None


def test_paths_expand_the_home_folder(monkeypatch, tmp_path):
    """A shell does not expand `~` within quotes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PEEWEE_CACHE", "~/voices")
    assert environment.CACHE.path() == tmp_path / "voices"


@pytest.mark.parametrize(
    ("variable", "read", "value"),
    [
        (environment.WORKERS, "count", "-1"),
        (environment.WORKERS, "count", "two"),
        (environment.PROCESSES, "count", "0"),
        (environment.GRACE_S, "seconds", "soon"),
        (environment.GRACE_S, "seconds", "nan"),
        (environment.SINGLE_PUBLISHER, "is_on", "yes"),
    ],
)
def test_a_value_that_can_not_be_is_refused_by_name(variable, read, value, monkeypatch):
    """The message names the variable, its value and what to set."""
    monkeypatch.setenv(variable.name, value)
    with pytest.raises(ConfigError, match=rf"{variable.name} is '{value}'; set .* or unset it"):
        getattr(variable, read)()


def test_a_device_that_does_not_exist_is_refused(monkeypatch):
    """`gpu` would otherwise be taken for one."""
    monkeypatch.setenv("PEEWEE_DEVICE", "gpu")
    with pytest.raises(ConfigError, match="PEEWEE_DEVICE is 'gpu'; set auto or cpu or cuda"):
        environment.DEVICE.one_of("auto", "cpu", "cuda")

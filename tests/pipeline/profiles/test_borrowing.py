"""params.yaml comes back, whatever happens during a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from peewee_model.errors import ConfigError
from pipeline.commands.check_params import check
from pipeline.profiles import borrowing
from pipeline.profiles.borrowing import overlaid
from pipeline.profiles.overlay import read_overlay
from tests.closure import ROOT

OVERLAY = {"encoder": {"training": {"schedule": {"steps": 7}}}}
KILLED = """
import os, signal
from pipeline.profiles.borrowing import overlaid
with overlaid({"encoder": {"training": {"schedule": {"steps": 7}}}}):
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def params(tmp_path, monkeypatch):
    """The text of params.yaml in a folder of its own, with a comment of its user."""
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "params.yaml").read_text() + "# mine\n"
    Path("params.yaml").write_text(text)
    return text


def test_the_overlay_is_there_only_in_the_block(params):
    """With its comments before, during and after."""
    with overlaid(OVERLAY):
        during = Path("params.yaml").read_text()
        assert "steps: 7" in during
        assert "# mine" in during
    assert Path("params.yaml").read_text() == params


def test_params_come_back_after_an_error(params):
    """A stage may fail."""
    with pytest.raises(ValueError, match="a stage"), overlaid(OVERLAY):
        raise ValueError("a stage")
    assert Path("params.yaml").read_text() == params


def test_params_come_back_after_a_kill(params):
    """By the next run."""
    subprocess.run([sys.executable, "-c", KILLED], env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert "steps: 7" in Path("params.yaml").read_text()
    with overlaid({"encoder": {"training": {"schedule": {"seed": 5}}}}):
        assert "steps: 7" not in Path("params.yaml").read_text()
    assert Path("params.yaml").read_text() == params


def test_what_a_user_edits_meanwhile_stays(params, caplog):
    """And the file of before is kept; the log says where."""
    with overlaid(OVERLAY):
        Path("params.yaml").write_text(params + "# edited\n")
    assert Path("params.yaml").read_text() == params + "# edited\n"
    assert borrowing.EDITED.read_text() == params
    assert str(borrowing.EDITED) in caplog.text


def test_an_overlay_that_can_not_be_used_changes_nothing(params):
    """Refused before params.yaml is written."""
    with pytest.raises(ConfigError, match=r"encoder\.training"), overlaid({"encoder": {"training": {"x": 1}}}, check):
        pytest.fail("it was accepted")
    assert Path("params.yaml").read_text() == params


def test_two_runs_at_once_are_refused():
    """Each would give back the other's."""
    with overlaid(OVERLAY), pytest.raises(ConfigError, match="another run"), overlaid(OVERLAY):
        pytest.fail("it was accepted")


@pytest.mark.parametrize("path", sorted((ROOT / "config").iterdir()), ids=lambda path: path.name)
def test_shipped_overlays_are_thin_and_can_be_used(path):
    """Each extends a profile; its parameters pass the whole check."""
    assert len(path.read_text().splitlines()) < 10
    assert "extends: " in path.read_text()
    with overlaid(read_overlay(path), check):
        assert "steps" in Path("params.yaml").read_text()

"""A stage is tracked without being touched."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking import spool
from pipeline.tracking.stage_run import LISTENED, is_tracked, tracked
from tests.closure import ROOT, closure

QUIET = """
import sys
from pipeline.tracking.stage_run import tracked
with tracked("train_encoder", {}):
    pass
print("mlflow" in sys.modules)
"""


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_nothing_is_tracked_without_a_server():
    """No file, no process, and MLflow is not loaded."""
    done = subprocess.run(
        [sys.executable, "-c", QUIET], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.stdout == "False\n", done.stderr
    assert list(Path().iterdir()) == []


def test_only_the_first_of_several_processes_tracks(monkeypatch):
    """They would write the same losses."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("RANK", "1")
    with tracked("train_encoder", {}):
        assert logging.getLogger(LISTENED).handlers == []
    assert list(Path().iterdir()) == []


def test_no_stage_depends_on_tracking():
    """So a change of it trains nothing again."""
    for stage in (ROOT / "pipeline/stages").glob("[a-z]*.py"):
        assert not [path for path in closure(stage) if path.is_relative_to(ROOT / "pipeline/tracking")]


def test_a_stage_runs_where_nothing_can_be_written(monkeypatch, caplog):
    """It is said, and the stage goes on."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    Path(".scratch").write_text("a file where a folder should be")
    ran = []
    with tracked("train_encoder", {}):
        ran.append(True)
    assert ran
    assert "train_encoder is not tracked" in caplog.text


def test_parameters_that_are_wrong_are_the_stage_s_own_error(monkeypatch, caplog):
    """It says what is wrong better."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    Path("params.yaml").write_text("corpus: 7")
    with pytest.raises(KeyError, match="its own"), tracked("train_encoder", {"params": ["encoder"]}):
        raise KeyError("its own")
    assert "is not tracked" in caplog.text


def test_trainings_and_the_evaluation_have_runs():
    """Of the graph's stages."""
    assert [is_tracked(stage) for stage in ("ingest", "train_vocoder", "evaluate", "publish")] == [
        False,
        True,
        True,
        False,
    ]


def test_no_spool_waits_where_nothing_was_tracked():
    """The folder may not be there."""
    assert spool.waiting(spool.ROOT) == []

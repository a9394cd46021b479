"""What MLflow has not received outlives the clone of a task."""

from pathlib import Path

import pytest

from peewee_model.store.backends import open_backend
from pipeline.runs.unsent import Unsent
from pipeline.tracking import spool


@pytest.fixture
def unsent(tmp_path, monkeypatch):
    """Makes the clone of a task, and what keeps its spools."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    files = open_backend(str(tmp_path / "remote"))
    return lambda name: (tmp_path / name, Unsent(files, "runs/weekly/tracking", tmp_path / name))


def spools(project):
    """The spools of a clone."""
    return spool.waiting(project / spool.ROOT)


def test_a_spool_goes_from_task_to_task_until_it_is_sent(unsent, monkeypatch):
    """With its files, and with what was sent of it."""
    project, kept = unsent("first")
    with kept.running():
        (project / spool.ROOT).mkdir(parents=True)
        written = spool.Spool(project / spool.ROOT, "train_encoder")
        written.add("start")
        monkeypatch.chdir(project)
        Path("config.json").write_text("{}")
        written.add_file(Path("config.json"))
        spool.write_sent(written.folder, {"offset": 3, "run": "a"})
        written.close()
    project, kept = unsent("second")
    with kept.running():
        (folder,) = spools(project)
        assert [event["kind"] for event, _ in spool.read_events(folder, 0)] == ["start", "file"]
        assert (folder / spool.FILES / "config.json").read_text() == "{}"
        assert spool.read_sent(folder) == {"offset": 3, "run": "a"}
        assert not spool.is_written(folder)
    project, kept = unsent("third")
    with kept.running():
        (folder,) = spools(project)
        spool.forget(folder)
    project, kept = unsent("fourth")
    with kept.running():
        assert spools(project) == []


def test_a_task_that_fails_keeps_what_it_wrote(unsent):
    """Its next try is a new clone."""
    project, kept = unsent("first")
    with pytest.raises(ValueError, match="the stage"), kept.running():
        (project / spool.ROOT).mkdir(parents=True)
        spool.Spool(project / spool.ROOT, "evaluate").add("start")
        raise ValueError("the stage")
    project, kept = unsent("second")
    with kept.running():
        assert len(spools(project)) == 1


def test_a_remote_that_is_out_of_reach_stops_no_stage(tmp_path, monkeypatch, caplog):
    """It is said."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    (tmp_path / "remote").mkdir()
    (tmp_path / "remote/runs").write_text("a file where a folder should be")
    ran = []
    kept = Unsent(open_backend(str(tmp_path / "remote")), "runs/weekly/tracking", tmp_path / "clone")
    with kept.running():
        (tmp_path / "clone" / spool.ROOT).mkdir(parents=True)
        spool.Spool(tmp_path / "clone" / spool.ROOT, "evaluate").add("start")
        ran.append(True)
    assert ran
    assert "not kept" in caplog.text


def test_nothing_is_kept_without_tracking(unsent, tmp_path, monkeypatch):
    """No listing of the remote either."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    project, kept = unsent("first")
    with kept.running():
        (project / spool.ROOT).mkdir(parents=True)
        spool.Spool(project / spool.ROOT, "evaluate").add("start")
    assert not (tmp_path / "remote").exists()

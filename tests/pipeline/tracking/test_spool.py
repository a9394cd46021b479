"""What waits for MLflow is in order, whole, and outlives its writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.tracking import spool
from tests.closure import ROOT

KILLED = """
import os, signal, sys
from pathlib import Path
from pipeline.tracking.spool import Spool
written = Spool(Path(sys.argv[1]), "train_encoder")
written.add("start")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_events_are_read_in_order_from_where_the_last_reader_ended(tmp_path):
    """And a line that is being written is left for the next."""
    written = spool.Spool(tmp_path, "train_encoder")
    for step in range(3):
        written.add("metrics", step=step)
    (folder,) = spool.waiting(tmp_path)
    with (folder / spool.EVENTS).open("a") as file:
        file.write('{"kind": "met')
    events = spool.read_events(folder, 0)
    assert [event["step"] for event, _ in events] == [0, 1, 2]
    assert [event["step"] for event, _ in spool.read_events(folder, events[0][1])] == [1, 2]
    assert spool.read_events(folder, events[-1][1]) == []


def test_a_file_is_copied_at_once(tmp_path, monkeypatch):
    """The next run of the stage writes over it."""
    monkeypatch.chdir(tmp_path)
    Path("reports").mkdir()
    Path("reports/index.html").write_text("first")
    spool.Spool(Path("spools"), "evaluate").add_file(Path("reports/index.html"))
    Path("reports/index.html").write_text("second")
    (folder,) = spool.waiting(Path("spools"))
    assert (folder / spool.FILES / "reports/index.html").read_text() == "first"


def test_a_spool_is_written_until_it_is_closed_or_its_writer_is_killed(tmp_path):
    """Only then may another stage's sender send it."""
    written = spool.Spool(tmp_path, "evaluate")
    assert spool.is_written(written.folder)
    written.close()
    assert not spool.is_written(written.folder)
    subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert [spool.is_written(folder) for folder in spool.waiting(tmp_path)] == [False, False]


def test_one_process_at_a_time_sends_a_spool(tmp_path):
    """Two stages may run at once on one machine."""
    folder = spool.Spool(tmp_path, "evaluate").folder
    with spool.sending(folder) as first, spool.sending(folder) as second:
        assert (first, second) == (True, False)
    spool.forget(folder)
    with spool.sending(folder) as late:
        assert not late


def test_a_new_spool_has_sent_nothing(tmp_path):
    """And what was sent is remembered."""
    assert spool.read_sent(tmp_path) == {"offset": 0, "run": None}
    spool.write_sent(tmp_path, {"offset": 7, "run": "a"})
    assert spool.read_sent(tmp_path) == {"offset": 7, "run": "a"}


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    """The stage's own code catches it: see `stage_run`."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        spool.Spool(tmp_path / "file", "evaluate")

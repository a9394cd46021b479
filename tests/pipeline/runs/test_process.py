"""A stage's process and all that it starts."""

import signal
import subprocess
import sys

from pipeline.runs.process import Stop, descendants, run_child


def test_child_in_a_session_of_its_own_leaves_nothing_behind(tmp_path):
    """A grandchild that left the session, as torchrun's do, ends with the child; other children of ours do not."""
    mark = tmp_path / "mark"
    grandchild = f"import time, pathlib, os; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); time.sleep(600)"
    child = (
        "import subprocess, sys, time, pathlib\n"
        f"subprocess.Popen([sys.executable, '-c', {grandchild!r}], start_new_session=True)\n"
        f"while not pathlib.Path({str(mark)!r}).exists(): time.sleep(0.01)\n"
        "sys.exit(7)"
    )
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert run_child([sys.executable, "-c", child], {}, Stop(), 1.0) == 7
        assert other.poll() is None
        pid = int(mark.read_text())
        assert pid not in descendants(1)
    finally:
        other.kill()
        other.wait()


def test_stop_collects_signals_and_gives_them_back():
    """So that the worker can save before it ends."""
    before = signal.getsignal(signal.SIGTERM)
    with Stop().listening() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) == before

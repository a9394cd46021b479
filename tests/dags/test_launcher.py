"""The launcher against real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

LAUNCHER = Path(__file__).parents[2] / "dags/launcher.py"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
TIDY = (
    # os.write: the signal may come while `up` is being flushed, where another print is refused
    "import os, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: (os.write(1, b'saved\\n'), sys.exit(75)));"
    "print('up', flush=True); time.sleep(60)"
)
PARENT = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print(child.pid, flush=True); sys.exit(3)"
)


def launch(code, grace_s=5.0, margin_s=0.0):
    script = f"import runpy, sys; sys.argv = sys.argv[1:]; import importlib.util as u; \
spec = u.spec_from_file_location('launcher', sys.argv[0]); m = u.module_from_spec(spec); spec.loader.exec_module(m); \
m._MARGIN_S = {margin_s}; sys.exit(m.main(float(sys.argv[1]), sys.argv[2:]))"
    return subprocess.Popen(
        [sys.executable, "-c", script, str(LAUNCHER), str(grace_s), sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def read_line(process):
    assert process.stdout is not None
    return process.stdout.readline().strip()


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"


@pytest.mark.parametrize(
    ("code", "expected"), [("", 0), ("import sys; sys.exit(2)", 2), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_exit_code_is_the_command_s(code, expected):
    """A refusal stays a refusal; a signal is 128 and its number."""
    with launch(code) as process:
        assert process.wait(20) == expected


def test_command_may_save_when_its_task_dies():
    """The task's end of the pipe closes, however it died: SIGTERM, and time."""
    with launch(TIDY) as process:
        assert read_line(process) == "up"
        assert process.stdin is not None
        process.stdin.close()
        assert read_line(process) == "saved"
        assert process.wait(20) == 75


def test_command_may_save_when_its_task_is_told_to_stop():
    """SIGTERM to the launcher is passed on."""
    with launch(TIDY) as process:
        assert read_line(process) == "up"
        process.terminate()
        assert read_line(process) == "saved"
        assert process.wait(20) == 75


def test_command_that_does_not_stop_is_killed():
    """After its grace."""
    with launch(STUBBORN, grace_s=0.5) as process:
        assert read_line(process) == "up"
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 137
        assert 0.4 < time.monotonic() - started < 10


def test_children_end_with_the_command():
    """Nothing of its process group outlives it."""
    with launch(PARENT) as process:
        child = int(read_line(process))
        assert process.wait(20) == 3
    for _ in range(50):
        if gone(child):
            return
        time.sleep(0.1)
    raise AssertionError(f"process {child} is left")

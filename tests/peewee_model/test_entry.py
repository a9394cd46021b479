"""How a program ends: on an error, on Ctrl-C wherever it arrives, and when nobody reads what it prints."""

import os
import signal
import subprocess
import sys
import time

import pytest

from peewee_model.entry import CLOSED_PIPE, INTERRUPTED, framed
from peewee_model.errors import ConfigError, StoreUnavailableError, TryAgainError
from tests.closure import ROOT


def start(body, **options):
    """Start a program whose body is that code; it prints `ready` when it waits for a signal."""
    lines = "\n".join(f"    {line}" for line in body.strip().splitlines())
    code = f"import sys, time\nfrom peewee_model.entry import run\ndef program():\n{lines}\nrun('tool', program)\n"
    return subprocess.Popen(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True, stderr=subprocess.PIPE,
        **{"stdout": subprocess.PIPE, "preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options},
    )  # fmt: skip


def interrupted(program, n_signals=1):
    """Interrupt a program that is ready; return what it says and its exit code."""
    assert program.stdout.readline() == "ready\n"
    for _ in range(n_signals):
        time.sleep(0.05)
        program.send_signal(signal.SIGINT)
    _, said = program.communicate(timeout=30)
    return said, program.returncode


READY = "print('ready', flush=True)"


def test_error_is_one_line_with_its_notes_and_its_exit_code(capsys):
    """Line breaks of the message too."""
    error = TryAgainError("the server\nis out of order; try again")
    error.add_note("while working on\npart 3")

    def program():
        raise error

    assert framed("tool", program) == 75
    assert capsys.readouterr().err == "tool: the server is out of order; try again (while working on part 3)\n"


def test_exit_code_of_a_program_is_kept(capsys):
    """None is success."""
    assert (framed("tool", lambda: None), framed("tool", lambda: 3)) == (0, 3)
    assert capsys.readouterr().err == ""


def test_error_of_a_programmer_is_not_hidden():
    """A traceback is what a bug needs; a connection that breaks is no reader that went away."""

    def lost():
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        framed("tool", lost)
    with pytest.raises(ZeroDivisionError):
        framed("tool", lambda: 1 // 0)


@pytest.mark.parametrize(
    "printing",
    [
        "for _ in range(100_000): print('x' * 100)",
        "try:\n    for _ in range(100_000): print('x' * 100)\nexcept OSError as error:\n"
        "    from peewee_model.errors import ConfigError\n    raise ConfigError('the store: Broken pipe') from None",
    ],
)
def test_closed_pipe_ends_quietly(printing):
    """`tool | head -1`; a command may have made an error of its own of it."""
    program = start(printing)
    program.stdout.readline()
    program.stdout.close()
    assert (program.wait(timeout=30), program.stderr.read()) == (CLOSED_PIPE, "")


@pytest.mark.parametrize("n_signals", [1, 2, 3])
@pytest.mark.parametrize(
    "body",
    [
        f"{READY}\ntime.sleep(60)",
        f"try:\n    {READY}\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    raise SystemExit(1)",
        f"try:\n    {READY}\n    time.sleep(60)\nexcept BaseException:\n    raise ValueError('became another error')",
        f"try:\n    {READY}\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    pass",
        f"try:\n    {READY}\n    time.sleep(60)\nfinally:\n    time.sleep(0.3)",
        f"class Deaf:\n    def __del__(self):\n        {READY}\n        time.sleep(60)\nDeaf()\ntime.sleep(60)",
        f"import threading\nthreading.Thread(target=time.sleep, args=(60,)).start()\n{READY}\ntime.sleep(60)",
        "import multiprocessing as m\nlock = m.get_context('spawn').Lock()\n" + READY + "\ntime.sleep(60)",
    ],
    ids=["plain", "exit", "other error", "swallowed", "long end", "destructor", "thread", "semaphore"],
)
def test_ctrl_c_is_one_line_and_exit_code_130(body, n_signals):
    """Whatever the exception becomes on its way; a second one changes nothing."""
    assert interrupted(start(body), n_signals) == ("tool: interrupted\n", INTERRUPTED)


def test_ctrl_c_in_an_import_is_one_line(tmp_path):
    """Extension modules that are loaded by half take the exception for another error."""
    (tmp_path / "slow.py").write_text(f"import time\n{READY}\ntry:\n    time.sleep(60)\nexcept BaseException: pass\n")
    program = start(f"sys.path.insert(0, {str(tmp_path)!r})\nimport slow\nprint('went on')")
    assert interrupted(program) == ("tool: interrupted\n", INTERRUPTED)


def test_end_that_hangs_is_ended():
    """After Ctrl-C a program has a few seconds."""
    body = f"import peewee_model.entry as e\ne.PATIENCE_S = 0.5\ntry:\n    {READY}\n    time.sleep(60)\n"
    began = time.monotonic()
    assert interrupted(start(body + "finally:\n    time.sleep(60)")) == ("tool: interrupted\n", INTERRUPTED)
    assert time.monotonic() - began < 30


def test_temporary_files_are_removed_on_the_way_out(tmp_path):
    """Unlike after SIGKILL."""
    body = f"import tempfile\nwith tempfile.TemporaryDirectory(dir={str(tmp_path)!r}):\n    {READY}\n    time.sleep(60)"
    assert interrupted(start(body))[1] == INTERRUPTED
    assert list(tmp_path.iterdir()) == []


def test_program_that_was_started_to_ignore_ctrl_c_ignores_it():
    """`nohup`, and what a script starts with `&`."""
    program = start(
        f"{READY}\ntime.sleep(0.5)\nprint('done')", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    assert interrupted(program) == ("", 0)


def test_try_again_has_one_exit_code():
    """Of every kind of it; it is not that of what is wrong for good."""

    from pipeline.commands.corpus_watch import UnreachableSourceError
    from pipeline.runs.records import UnavailableError
    from pipeline.training.loop.loop import PreemptedError

    kinds = (StoreUnavailableError, UnavailableError, UnreachableSourceError, PreemptedError)
    assert {kind.exit_code for kind in kinds} == {TryAgainError.exit_code} == {75}
    assert all(issubclass(kind, TryAgainError) for kind in kinds)
    assert ConfigError.exit_code == 2

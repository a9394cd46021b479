"""A child process that ends with all its descendants, in all sessions, also when its parent is killed.

If dvc is killed, the stage goes on, and torchrun starts its processes in sessions of their own. So a process group is
not enough. On Linux, the children of a dead process become children of this one (PR_SET_CHILD_SUBREAPER), and are
found.
"""

import contextlib
import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36
_TICK_S = 0.05


class Stop:
    """Whether this process was asked to stop (SIGTERM, SIGINT)."""

    def __init__(self) -> None:
        self.asked = False

    @contextlib.contextmanager
    def listening(self) -> Iterator["Stop"]:
        """Record the signals instead of ending."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._ask) for number in numbers}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask(self, *_: object) -> None:
        self.asked = True


def run_child(command: list[str], env: dict[str, str], stop: Stop, grace_s: float) -> int:
    """Run a command in a session of its own until it ends; then end every process that it started.

    Its standard input is a pipe that ends when this process does; see `die_with_parent`. Its output goes to this
    process's standard error.

    Args:
        command: What to run.
        env: Its environment.
        stop: When this process is asked to stop, the child receives SIGTERM.
        grace_s: Seconds that the child then has to end.

    Returns:
        Its exit code; negative, the signal that ended it.
    """
    _adopt_orphans()
    others = children(os.getpid())
    with subprocess.Popen(
        command, env=env, stdin=subprocess.PIPE, stdout=sys.stderr.fileno(), start_new_session=True
    ) as child:
        deadline = None
        try:
            # A shell in between may end at once on the signal. Then wait for the stage, which saves its state.
            while child.poll() is None or (deadline is not None and descendants(os.getpid(), others)):
                now = time.monotonic()
                if stop.asked and deadline is None:
                    logger.info("asked to stop; the stage has %g s to save its state", grace_s)
                    deadline = now + grace_s
                    _signal_all(child.pid, signal.SIGTERM)
                if deadline is not None and now > deadline:
                    logger.warning("the stage did not end within %g s, killed", grace_s)
                    break
                time.sleep(_TICK_S)
        finally:
            kill_descendants(os.getpid(), others)
        return child.wait()


def die_with_parent() -> None:
    """Called in the child: watch standard input, which ends with the parent, and then kill all descendants and exit."""
    watched = os.dup(0)
    os.set_inheritable(watched, False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    _adopt_orphans()

    def watch() -> None:
        while os.read(watched, 1):
            pass
        kill_descendants(os.getpid())
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    # The stage receives SIGTERM too, and saves its state; this process waits for it. Children do not inherit a handler,
    # but they would inherit SIG_IGN.
    signal.signal(signal.SIGTERM, lambda *_: None)


def kill_descendants(pid: int, spared: Collection[int] = ()) -> None:
    """Kill (SIGKILL) all that a process started and that still runs, in whatever session, but not itself.

    Args:
        pid: Of the process.
        spared: Children that are not killed, nor are their descendants.
    """
    for _ in range(100):
        found = descendants(pid, spared)
        if not found:
            return
        for other in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(other, signal.SIGKILL)
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    """List the live children of a process; empty if there is no /proc."""
    return _family().get(pid, [])


def descendants(pid: int, spared: Collection[int] = ()) -> list[int]:
    """List the live descendants of a process, without the spared children and their descendants."""
    family = _family()
    found: list[int] = []
    waiting = [pid]
    while waiting:
        mine = [other for other in family.get(waiting.pop(), []) if other not in spared]
        found += mine
        waiting += mine
    return found


def _family() -> dict[int, list[int]]:
    """Return the live processes by their parent."""
    found: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            # `pid (name, which may contain any characters) state parent ...`
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                found.setdefault(int(parent), []).append(int(folder.name))
    return found


def _signal_all(leader: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def _adopt_orphans() -> None:
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

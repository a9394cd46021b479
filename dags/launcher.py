"""Runs one command for an Airflow task. The command never outlives the task.

    python launcher.py GRACE_S COMMAND ...

Airflow gives a task that must stop five seconds, but a training needs more to save its state. So the task starts this
program in a session of its own, and holds the other end of its standard input. When that end closes because the task
has ended in any way, or on SIGTERM, the command receives SIGTERM. After GRACE_S seconds its process group receives
SIGKILL. This program imports nothing of Airflow, so it starts quickly and needs little memory.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

_MARGIN_S = 30.0  # seconds for the command's own work after its child has ended


def main(grace_s: float, command: list[str]) -> int:
    """Run the command; return its exit code, or 128 plus the number of the signal that ended it."""
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)  # each signal writes a byte there, and the main loop sleeps until one comes
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, _nothing)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    ends, kill_at = [sys.stdin.fileno(), wake], None
    while process.poll() is None:
        wait = max(0.0, kill_at - time.monotonic()) if kill_at else None
        readable, _, _ = select.select(ends, [], [], wait)
        stop = sys.stdin.fileno() in readable
        if wake in readable:
            stop |= bool({signal.SIGTERM, signal.SIGINT} & set(os.read(wake, 64)))
        if stop and kill_at is None:
            process.terminate()
            kill_at = time.monotonic() + grace_s + _MARGIN_S
            ends = [wake]
        if kill_at and time.monotonic() >= kill_at:
            _kill_group(process.pid)
            process.wait()
    _kill_group(process.pid)  # processes that the command left running
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def _nothing(number: int, frame: object) -> None:
    """Only wake up."""


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), sys.argv[2:]))

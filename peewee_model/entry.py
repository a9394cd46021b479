"""The frame of every program: how it ends on an error, on Ctrl-C, and when the reader of its output is gone.

A program's file imports this module alone, and imports the rest inside the frame. Ctrl-C is then one line and exit
code 130 from its first statement on. Ctrl-C before that is handled by Python itself.
"""

import _thread
import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

from peewee_model.errors import PeeweeError

INTERRUPTED = 128 + signal.SIGINT
CLOSED_PIPE = 128 + signal.SIGPIPE
PATIENCE_S = 5.0
"""After Ctrl-C a program has so many seconds to remove its temporary files."""
_IMPORT_SYSTEM = "<frozen importlib._bootstrap>"


class Interrupt:
    """Ctrl-C of one program: the first ends it, the others change nothing.

    The first raises KeyboardInterrupt, so that temporary files are removed on the way out. During an import it ends
    the program at once: an extension module that is only partly loaded misreads the exception as another error, or
    crashes.

    Args:
        name: The program's.
    """

    def __init__(self, name: str) -> None:
        self.asked = False
        self._name = name
        self._said = False

    def listen(self) -> None:
        """Receive Ctrl-C from now on, unless the program was started to ignore it."""
        in_main_thread = threading.current_thread() is threading.main_thread()
        if in_main_thread and signal.getsignal(signal.SIGINT) not in (signal.SIG_IGN, None):
            signal.signal(signal.SIGINT, self._receive)
            sys.unraisablehook = self._see_unraisable
            threading.excepthook = self._see_thread

    def end(self) -> NoReturn:
        """Print one line, end the child processes, then end this process without waiting for threads."""
        self._say()
        with contextlib.suppress(Exception):
            _end_children()
        os._exit(INTERRUPTED)

    def _receive(self, _: int, frame: FrameType | None) -> None:
        if self.asked:
            return
        self.asked = True
        _thread.start_new_thread(self._end_late, ())  # threading's own threads take a lock that we may hold
        if _imports(frame):
            self.end()
        raise KeyboardInterrupt

    def _end_late(self) -> None:
        time.sleep(PATIENCE_S)
        _thread.start_new_thread(_exit_after, (PATIENCE_S,))
        self.end()

    def _see_unraisable(self, event: Any) -> None:
        """End the program on a KeyboardInterrupt in a destructor, which Python would ignore."""
        if self.asked:
            self.end()
        sys.__unraisablehook__(event)

    def _see_thread(self, failure: Any) -> None:
        """Hide errors of other threads while the program is being ended."""
        if not self.asked:
            threading.__excepthook__(failure)

    def _say(self) -> None:
        if not self._said:
            self._said = True
            with contextlib.suppress(OSError, ValueError):
                print(f"{self._name}: interrupted", file=sys.stderr, flush=True)


def framed(name: str, program: Callable[[], int | None]) -> int:
    """Run a program's body; an error that a user can put right is one line on stderr.

    Args:
        name: Begins that line.
        program: Returns the exit code; None is 0.

    Returns:
        The exit code: the error's own, or 141 if the reader of stdout went away, which is no error.
    """
    try:
        code = program() or 0
        sys.stdout.flush()
    except (PeeweeError, BrokenPipeError) as error:
        if _lost_its_reader(error):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
            return CLOSED_PIPE
        if not isinstance(error, PeeweeError):
            raise
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        print(f"{name}: {' '.join(f'{error}{notes}'.split())}", file=sys.stderr)
        return error.exit_code
    return code


def run(name: str, program: Callable[[], int | None]) -> NoReturn:
    """Run a program as this process, with Ctrl-C received: see `framed` and `Interrupt`.

    Raises:
        SystemExit: With the exit code.
    """
    interrupt = Interrupt(name)
    interrupt.listen()
    try:
        code = framed(name, program)
    except BaseException:
        if interrupt.asked:  # also if another exception has replaced it
            interrupt.end()
        raise
    finally:
        if signal.getsignal(signal.SIGINT) == interrupt._receive:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a signal must not disturb Python's shutdown
    if interrupt.asked:
        interrupt.end()
    sys.exit(code)


def _imports(frame: FrameType | None) -> bool:
    return any(one.f_code.co_filename == _IMPORT_SYSTEM for one in _outwards(frame))


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _lost_its_reader(error: BaseException) -> bool:
    """Return whether an error was caused by a closed stdout, and not by another broken connection."""
    causes: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in causes:
        causes.append(cause)
        cause = cause.__cause__ or cause.__context__
    if not any(isinstance(one, BrokenPipeError) for one in causes):
        return False
    with contextlib.suppress(OSError, ValueError):
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(events & select.POLLERR for _, events in poll.poll(0))
    return False


def _end_children() -> None:
    """End what multiprocessing started, and remove its semaphores: the process that tracks them would complain."""
    if "multiprocessing.util" in sys.modules:
        import multiprocessing
        from multiprocessing import util

        for child in multiprocessing.active_children():
            child.kill()
        util._run_finalizers(0)  # type: ignore[attr-defined]  # as at its own end, but without a wait for threads


def _exit_after(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(INTERRUPTED)

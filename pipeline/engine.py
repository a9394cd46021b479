"""Runs work on shards: in this process, or in worker processes of this machine.

Results come in the order of the items for any number of workers, so that files written from them do not depend on that
number.
"""

import contextlib
import copy
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Generic, TypeVar

from peewee_model import environment
from peewee_model.errors import PeeweeError

Item = TypeVar("Item")
Result = TypeVar("Result")

_IN_FLIGHT_PER_WORKER = 2


class WorkerError(PeeweeError):
    """A worker process died, or raised an error that can't be sent between processes."""


@dataclass(frozen=True)
class _Failure:
    error: Exception


@dataclass(frozen=True)
class _Guarded(Generic[Item, Result]):
    """Calls a function in a worker, and turns its error into a form that can be sent between processes."""

    function: Callable[[Item], Result]

    def __call__(self, item: Item) -> Result | _Failure:
        try:
            return self.function(item)
        except Exception as error:  # noqa: BLE001 - raised again in the driver
            try:
                copy.deepcopy(error)  # pickles and unpickles it, as the way between processes does
            except Exception:  # noqa: BLE001 - an error of other code may raise anything here
                return _Failure(WorkerError(f"{type(error).__name__}: {error}"))
            return _Failure(error)


def workers() -> int:
    """Return the number of worker processes: PEEWEE_WORKERS, or the number of cores that this process may use.

    Raises:
        ConfigError: If PEEWEE_WORKERS is not a positive number.
    """
    if stated := environment.WORKERS.count():
        return stated
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_shards(function: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """Call a function for each item, a few at a time; items may be an endless stream.

    Args:
        function: The function; for several workers it must be picklable (a function of a module, or a partial of one).
        items: Its arguments; ``str(item)`` names one in errors.
        workers: Number of processes; with one, or for a single item, everything runs in this process.

    Yields:
        The results in the order of the items.

    Raises:
        WorkerError: If a worker process died.
        Exception: The function's error, with a note that names the item. No further item is started then.
    """
    stream = iter(items)
    first = list(itertools.islice(stream, 2))
    stream = itertools.chain(first, stream)
    if workers == 1 or len(first) < 2:
        for item in stream:
            try:
                result = function(item)
            except Exception as error:
                _name(error, item)
                raise
            yield result
    else:
        yield from _map_processes(function, stream, workers)


def _map_processes(function: Callable[[Item], Result], stream: Iterator[Item], workers: int) -> Iterator[Result]:
    guarded = _Guarded(function)
    # Spawned, not forked: a fork copies locks that other threads (Arrow's, torch's) hold.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_start_worker)
    others, wait = set(multiprocessing.active_children()), True
    in_flight: deque[tuple[Item, Future[Result | _Failure]]] = deque()
    try:
        for item in itertools.islice(stream, workers * _IN_FLIGHT_PER_WORKER):
            with _interrupt_withheld():
                in_flight.append((item, pool.submit(guarded, item)))
        while in_flight:
            item, future = in_flight.popleft()
            result = future.result()
            if isinstance(result, _Failure):
                _name(result.error, item)
                raise result.error
            for following in itertools.islice(stream, 1):
                with _interrupt_withheld():
                    in_flight.append((following, pool.submit(guarded, following)))
            yield result
    except KeyboardInterrupt:
        for process in set(multiprocessing.active_children()) - others:
            process.kill()
        wait = False  # do not wait for their work, or for a thread that writes to them
        raise
    except BrokenProcessPool:
        raise WorkerError(
            f"a worker process died at or near {item}, most likely for want of memory; lower PEEWEE_WORKERS "
            f"(now {workers}) or give it more"
        ) from None
    finally:
        pool.shutdown(wait=wait, cancel_futures=True)


@contextlib.contextmanager
def _interrupt_withheld() -> Iterator[None]:
    """Start processes that never receive Ctrl-C, which a terminal sends to all; this process receives it afterwards.

    The signal mask is inherited, before the first instruction of a new process: a handler would come too late.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: received.append(number))  # another thread may take it
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if received:
            signal.raise_signal(signal.SIGINT)


def _start_worker() -> None:
    """Called in a worker, before it loads torch: end when the parent process has ended, for any reason."""
    os.environ["OMP_WAIT_POLICY"] = "passive"  # workers fill the cores: threads that spin would slow other workers
    parent = multiprocessing.parent_process()
    assert parent is not None, "a worker is started by another process"

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _name(error: Exception, item: object) -> None:
    error.add_note(f"while working on {item}")

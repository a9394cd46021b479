"""Speaks sentences of several requests together, and stops what nobody waits for any more.

A thread a processor is faster than one thread whose sums are divided between processors: sentences are short.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from peewee_model.cloning.speaking import MAX_SENTENCES, Line, Spoken
from peewee_model.networks.device import flush_denormals
from peewee_model.service.engine import Engine, VoiceTensors
from peewee_model.service.errors import ServiceError

logger = logging.getLogger(__name__)


@dataclass
class Ticket:
    """A request that sentences belong to."""

    deadline: float
    """Of the next sentences, by `time.monotonic`."""
    end: float
    """The deadline of all sentences behind the first."""
    cancelled: bool = False
    """Whether its client is gone."""

    @property
    def is_over(self) -> bool:
        """Whether nobody waits for its sentences."""
        return self.cancelled or time.monotonic() > self.deadline


@dataclass
class _Job:
    """One sentence."""

    engine: Engine
    line: Line
    voice: VoiceTensors
    varied: bool
    ticket: Ticket
    result: "Future[Spoken]" = field(default_factory=Future)


class Batcher:
    """A queue of sentences, and the threads that speak them.

    Args:
        n_threads: They share what waits.
        gather_s: For so long other sentences are waited for, when a thread was idle.
        on_batch: Receives the number of sentences of each batch, and the seconds that they took.
    """

    def __init__(self, n_threads: int, gather_s: float, on_batch: Callable[[int, float], object]) -> None:
        self._gather_s, self._on_batch = gather_s, on_batch
        self._waiting: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._run, name="speaker", daemon=True) for _ in range(n_threads)]
        for thread in self._threads:
            thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether all threads work."""
        return not self._stopping and all(thread.is_alive() for thread in self._threads)

    def __len__(self) -> int:
        """Sentences that wait."""
        return len(self._waiting)

    async def speak(
        self, engine: Engine, lines: Sequence[Line], voice: VoiceTensors, varied: bool, ticket: Ticket
    ) -> list[Spoken]:
        """Say sentences of one request.

        Raises:
            ServiceError: 503 if they were not spoken before the ticket's deadline.
        """
        jobs = [_Job(engine, line, voice, varied, ticket) for line in lines]
        with self._changed:
            if self._stopping:
                raise ServiceError(503, "the server is being stopped; try again", retry_after_s=5)
            self._waiting.extend(jobs)
            self._changed.notify()
        try:
            async with asyncio.timeout(ticket.deadline - time.monotonic()):
                return [await asyncio.wrap_future(job.result) for job in jobs]
        except TimeoutError:
            raise ServiceError(
                503, "the server is too busy to speak this in time; try again", retry_after_s=5
            ) from None
        finally:
            for job in jobs:
                job.result.cancel()  # those that were not begun

    def stop(self) -> None:
        """End each thread after its present batch. Sentences that wait are refused."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=10)
        for job in self._waiting:
            job.result.cancel()

    def _run(self) -> None:
        flush_denormals()
        while (jobs := self._next()) is not None:
            for group in _alike(jobs):
                self._speak(group)

    def _next(self) -> list[_Job] | None:
        """Wait for sentences, and take a share of them, the oldest; None at the end."""
        with self._changed:
            if not self._waiting:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                self._changed.wait_for(lambda: len(self._waiting) >= MAX_SENTENCES or self._stopping, self._gather_s)
            if self._stopping:
                return None
            taken: list[_Job] = []
            share = min(MAX_SENTENCES, -(-len(self._waiting) // len(self._threads)))
            while self._waiting and len(taken) < share:
                job = self._waiting.popleft()
                if job.ticket.is_over:
                    job.result.cancel()
                elif job.result.set_running_or_notify_cancel():
                    taken.append(job)
            self._changed.notify()  # for what is left
            return taken

    def _speak(self, jobs: Sequence[_Job]) -> None:
        started = time.monotonic()
        try:
            spoken = jobs[0].engine.speak([job.line for job in jobs], [job.voice for job in jobs], jobs[0].varied)
        except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; the request receives it
            if len(jobs) > 1:  # the others are spoken
                for job in jobs:
                    self._speak([job])
                return
            logger.error("sentence=failed error=%s", type(error).__name__)
            jobs[0].result.set_exception(error)
            return
        self._on_batch(len(jobs), time.monotonic() - started)
        for job, one in zip(jobs, spoken, strict=True):
            job.result.set_result(one)


def _alike(jobs: Sequence[_Job]) -> Iterator[list[_Job]]:
    """Divide sentences into those that one call of a network can say."""
    groups: dict[tuple[int, bool], list[_Job]] = {}
    for job in jobs:
        groups.setdefault((id(job.engine), job.varied), []).append(job)
    yield from groups.values()

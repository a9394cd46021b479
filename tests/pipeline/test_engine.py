import itertools
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from peewee_model.errors import AudioError, ConfigError
from pipeline import engine
from pipeline.engine import WorkerError
from tests.closure import ROOT


def slow_square(number):
    time.sleep(0.05 if number == 0 else 0)
    return number * number


def process_of(number):
    return os.getpid()


def fail_at(number, bad, error):
    if number == bad:
        raise error
    return number


class Untold(Exception):  # noqa: N818
    def __init__(self, left, right):
        super().__init__(f"{left} {right}")


def fail_untold(number):
    raise Untold("left", "right")


def die_at(number, bad):
    if number == bad:
        os._exit(9)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_of_items(workers):
    """The first is the slowest, and still the first."""
    assert list(engine.map_shards(slow_square, range(8), workers)) == [n * n for n in range(8)]


def test_items_run_in_other_processes_when_there_are_workers():
    """Two items and two workers leave this process free; one item does not pay for starting them."""
    assert os.getpid() not in engine.map_shards(process_of, [1, 2], 2)
    assert list(engine.map_shards(process_of, [1], 2)) == [os.getpid()]
    assert list(engine.map_shards(process_of, [1, 2], 1)) == [os.getpid()] * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_items_are_taken_as_they_are_needed(workers):
    """An endless stream of items is no problem: few are ahead of the results."""
    taken = []
    results = engine.map_shards(slow_square, (taken.append(n) or n for n in itertools.count()), workers)
    assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    results.close()
    assert len(taken) <= 5 + 2 * workers


@pytest.mark.parametrize("workers", [1, 2])
def test_error_keeps_its_kind_and_names_the_item(workers):
    """The results before it are given, then it is raised."""
    results = engine.map_shards(partial(fail_at, bad=Path("b"), error=ValueError("odd")), map(Path, "abc"), workers)
    assert next(results) == Path("a")
    with pytest.raises(ValueError, match="odd") as caught:
        next(results)
    assert caught.value.__notes__ == ["while working on b"]


def test_error_that_does_not_pickle_comes_home_as_its_message():
    """Its constructor takes other arguments than it keeps; the pool would break on it."""
    with pytest.raises(WorkerError, match="Untold: left right"):
        list(engine.map_shards(fail_untold, [1, 2], 2))


def test_audio_error_comes_home_with_its_reason():
    """Ingest counts by it."""
    with pytest.raises(AudioError, match="half") as caught:
        list(engine.map_shards(partial(fail_at, bad=1, error=AudioError("truncated", "half of it")), [1, 2], 1))
    assert caught.value.reason == "truncated"


def test_dead_worker_is_an_error_with_a_remedy():
    """What the kernel does to a process that takes too much memory."""
    with pytest.raises(WorkerError, match="PEEWEE_WORKERS"):
        list(engine.map_shards(partial(die_at, bad=1), range(4), 2))


def test_workers_are_read_from_the_environment(monkeypatch):
    """A number, or all cores; nonsense is named."""
    monkeypatch.setenv("PEEWEE_WORKERS", "3")
    assert engine.workers() == 3
    monkeypatch.delenv("PEEWEE_WORKERS")
    assert engine.workers() >= 1
    for nonsense in ("0", "-1", "many"):
        monkeypatch.setenv("PEEWEE_WORKERS", nonsense)
        with pytest.raises(ConfigError, match="PEEWEE_WORKERS"):
            engine.workers()


def ignores_interrupts(number):
    """Signal this very process, as a terminal does with the whole group."""
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.05)
    return number


def test_worker_never_receives_ctrl_c():
    """The driver does, and ends its workers."""
    assert list(engine.map_shards(ignores_interrupts, range(4), 2)) == [0, 1, 2, 3]


def test_ctrl_c_while_workers_are_started_arrives_afterwards():
    """Neither lost, nor in the middle of a process that is half started."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda number, _: seen.append(number))
    try:
        with engine._interrupt_withheld():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            assert seen == []
        assert seen == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


DRIVER = """
import os, time
from pipeline import engine
from tests.pipeline.test_engine import report_and_wait
if __name__ == "__main__":
    list(engine.map_shards(report_and_wait, range(2), 2))
"""


def report_and_wait(number):
    print(os.getpid(), flush=True)
    time.sleep(120)


def test_workers_end_when_their_driver_is_killed(tmp_path):
    """Else they would hold memory, and wait for ever."""
    (tmp_path / "driver.py").write_text(DRIVER)
    driver = subprocess.Popen(
        [sys.executable, tmp_path / "driver.py"], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    workers = [int(driver.stdout.readline()) for _ in range(2)]
    driver.kill()
    driver.wait()
    end = time.monotonic() + 20
    while any(Path(f"/proc/{pid}/exe").exists() for pid in workers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}/exe").exists()]

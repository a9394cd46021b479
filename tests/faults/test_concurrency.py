"""T14: publishers and readers at once."""

import itertools
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release
from tests.servers.s3 import ROOT

pytestmark = pytest.mark.system

N_PUBLISHERS, N_READERS = 3, 4


def start(*arguments, cache):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.process", *arguments],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PEEWEE_CACHE": str(cache)},
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    assert process.stdin
    process.stdin.write("go\n")
    process.stdin.flush()


def result(process):
    output, _ = process.communicate(timeout=3600)
    assert process.returncode == 0
    return [json.loads(line) for line in output.splitlines()]


def test_publishers_lose_nothing_and_readers_see_whole_releases_only(moto_bucket, tmp_path, at_most):
    """T14: 3 publishers x 100 rounds, 4 readers: 0 torn reads, 0 lost entries, a linear history."""
    rounds = at_most(5, 100)
    address = f"s3://{moto_bucket}/store"
    write_release(tmp_path / "first", text="first")
    first, _ = open_store(address).publish(tmp_path / "first", "stable", "first")
    publishers = [
        start("publish", address, f"p{number}", str(rounds), tmp_path / "made", cache=tmp_path / "none")
        for number in range(N_PUBLISHERS)
    ]
    readers = [
        start("read", address, tmp_path / "stop", cache=tmp_path / f"cache-{number % 2}")  # two share one cache
        for number in range(N_READERS)
    ]
    started = time.monotonic()
    with ThreadPoolExecutor() as pool:  # that drains all their pipes at once: nobody waits for us
        for process in (*readers, *publishers):
            go(process)
        reading = [pool.submit(result, reader) for reader in readers]
        try:
            published = list(pool.map(result, publishers))
        finally:
            (tmp_path / "stop").touch()
        seconds = time.monotonic() - started
        seen = [future.result() for future in reading]

    cards = {version: name for lines in published for name, version, _ in lines} | {first: "first"}
    assert len(cards) == N_PUBLISHERS * rounds + 1
    torn = [(version, card) for lines in seen for version, card in lines if cards[version] != card]
    assert torn == []

    history = open_store(address).history("stable")
    assert [numbered.number for numbered in history] == list(range(1, len(cards) + 1))
    for before, after in itertools.pairwise(history):
        assert after.entry.previous == before.entry.version
    entries = {(numbered.entry.reason, numbered.entry.version, numbered.number) for numbered in history}
    assert entries == {("first", first, 1), *(tuple(line) for lines in published for line in lines)}
    for lines in published:
        assert [number for *_, number in lines] == sorted(number for *_, number in lines)

    numbers = {numbered.entry.version: numbered.number for numbered in history}
    for lines in seen:
        order = [numbers[version] for version, _ in lines]
        assert order == sorted(order), "a reader went back in time"
    reads = sum(len(lines) for lines in seen)
    distinct = len({version for lines in seen for version, _ in lines})
    print(
        f"T14: {N_PUBLISHERS} publishers x {rounds} rounds, {N_READERS} readers: {len(history) - 1} entries of "
        f"{N_PUBLISHERS * rounds}, {reads} reads of {distinct} releases, 0 torn, {seconds:.0f} s"
    )

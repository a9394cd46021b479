"""T15: a publisher whose requests fail, whose answers are lost, or which is killed."""

import os
import signal
import subprocess
import sys
from collections import Counter

import pytest

from peewee_model.errors import ReleaseError
from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release
from tests.servers import fault_proxy
from tests.servers.s3 import ROOT

pytestmark = pytest.mark.system

LARGE = 17 * 2**20  # three parts


@pytest.fixture
def releases(tmp_path):
    """Two releases; the second has a file that is sent in parts."""
    write_release(tmp_path / "first", text="first")
    write_release(tmp_path / "second", text="second " * (LARGE // 7))
    return tmp_path / "first", tmp_path / "second"


def published_first(address, first):
    store = open_store(address)
    version, _ = store.publish(first, "stable", "first")
    return store, version


def loads(address, cache, monkeypatch):
    """What a consumer without anything in its cache gets, verified."""
    monkeypatch.setenv("PEEWEE_CACHE", str(cache))
    return open_store(address).fetch("stable")[1]


def check_converged(store, old, second):
    """Publish once more, undisturbed: then there is exactly one entry for it."""
    new, numbered = store.publish(second, "stable", "second")
    assert store.resolve("stable") == new
    store.verify(new)
    assert numbered.number == 2
    assert [(entry.number, entry.entry.version) for entry in store.history("stable")] == [(1, old), (2, new)]
    assert store.versions() == sorted([old, new])
    return new


def test_publishing_survives_faults_of_the_server_and_the_network(
    moto, moto_bucket, releases, monkeypatch, tmp_path, at_most
):
    """T15: 60 seeds: the previous or the new release always loads, a rerun converges, there is exactly one entry."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")  # so that many a publisher gives up
    outcomes = Counter()
    faults = Counter()
    seeds = at_most(4, 60)
    for seed in range(seeds):
        address = f"s3://{moto_bucket}/seed-{seed}"
        store, old = published_first(address, releases[0])
        with fault_proxy.before(moto.endpoint, fault_proxy.chosen_by(seed)) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            try:
                open_store(address).publish(releases[1], "stable", "second")
                outcomes["published"] += 1
            except ReleaseError as error:
                assert "\n" not in str(error)
                outcomes[f"gave up: {type(error).__name__}"] += 1
            faults += proxy.faults
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
        found = loads(address, tmp_path / f"cache-{seed}-a", monkeypatch)
        new = check_converged(store, old, releases[1])
        assert found in (old, new), f"seed {seed}"
        outcomes["new release was there" if found == new else "previous release was there"] += 1
        assert loads(address, tmp_path / f"cache-{seed}-b", monkeypatch) == new
    print(
        f"T15: {seeds} seeds: {dict(outcomes)}; {sum(faults.values())} faults:", {f.value: n for f, n in faults.items()}
    )


def test_reading_through_faults_gives_the_release_or_a_named_error(
    moto, moto_bucket, releases, monkeypatch, tmp_path, at_most
):
    """T15, the consumer's side: never anything but the whole release."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    address = f"s3://{moto_bucket}/store"
    _, version = published_first(address, releases[1])
    seeds, whole = at_most(4, 60), 0
    for seed in range(seeds):
        with fault_proxy.before(moto.endpoint, fault_proxy.chosen_by(seed)) as proxy:
            monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
            try:
                whole += loads(address, tmp_path / f"cache-{seed}", monkeypatch) == version
            except ReleaseError as error:
                assert "\n" not in str(error)
                assert not list((tmp_path / f"cache-{seed}").glob("releases/*"))
        monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
        assert loads(address, tmp_path / f"cache-{seed}", monkeypatch) == version
    print(f"T15: {seeds} seeds of reading: {whole} got it, {seeds - whole} a named error; a rerun all")


def publish_until(moto, address, release, point):
    """Publish by a process that is killed at a point: 2k is before its request k goes on, 2k + 1 when it was answered.

    Returns:
        How many requests there were.
    """
    with fault_proxy.before(moto.endpoint) as proxy:
        publisher = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.process", "once", address, release],
            cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=os.environ | {"AWS_ENDPOINT_URL": proxy.endpoint},
        )  # fmt: skip

        def kill_at(point_reached):
            if point_reached == point:
                publisher.send_signal(signal.SIGKILL)
                publisher.wait()
                raise ConnectionAbortedError  # the request goes no further

        def before(request):
            kill_at(2 * request.number)

        def after(request):
            kill_at(2 * request.number + 1)

        proxy.before, proxy.after = before, after
        output, _ = publisher.communicate("go\n", timeout=120)
        if point is None:
            assert publisher.returncode == 0 and output.endswith("done\n")
        return len(proxy.exchanges)


def test_publisher_killed_at_any_request_leaves_the_previous_or_the_new_release(
    moto, moto_bucket, releases, monkeypatch, tmp_path, at_most
):
    """T15: kill -9 at 50 points, before a request goes on and after it was answered."""
    published_first(f"s3://{moto_bucket}/whole", releases[0])
    n_requests = publish_until(moto, f"s3://{moto_bucket}/whole", releases[1], None)
    n_points = at_most(4, 50)
    outcomes = Counter()
    for number in range(n_points):
        point = round(number * (2 * n_requests - 1) / (n_points - 1))
        address = f"s3://{moto_bucket}/point-{number}"
        store, old = published_first(address, releases[0])
        publish_until(moto, address, releases[1], point)
        found = loads(address, tmp_path / f"cache-{number}-a", monkeypatch)
        new = check_converged(store, old, releases[1])
        assert found in (old, new), f"point {point}"
        outcomes["new" if found == new else "previous"] += 1
        assert loads(address, tmp_path / f"cache-{number}-b", monkeypatch) == new
    print(f"T15: kill -9 at {n_points} points of {n_requests} requests: afterwards there was {dict(outcomes)}")

"""T32: hundreds of releases on a real server. Every request is counted, and waits 30 ms on its way."""

import datetime
import json
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from peewee_model.cli.release_commands import find
from peewee_model.cli.release_summary import summarize
from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_manifest, write_release
from tests.servers import fault_proxy

pytestmark = pytest.mark.system
N_RELEASES, N_ENTRIES, LIMIT, DELAY_S = 300, 1100, 50, 0.03
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
TREND = 7  # of so many entries of `stable`, the last rolls back


@dataclass
class Many:
    """A store of many releases behind a slow proxy."""

    address: str
    proxy: fault_proxy.FaultProxy
    versions: list[str]
    """The oldest first."""
    n_files: int
    """Of the last release, without its manifest."""

    n_at_once: int = 0
    """Requests that were on their way together, at most, in the last count."""

    def count(self, action):
        """What an action returns, how many requests it made by kind, and how long it took."""
        self.proxy.exchanges.clear()
        self.n_at_once, now, lock = 0, 0, threading.Lock()

        def before(request):
            nonlocal now
            with lock:
                now += 1
                self.n_at_once = max(self.n_at_once, now)

        def after(request):
            nonlocal now
            with lock:
                now -= 1

        self.proxy.before, self.proxy.after = before, after
        began = time.monotonic()
        found = action(open_store(self.address))
        seconds = time.monotonic() - began
        kinds = Counter("list" if "list-type" in one.request.path else "get" for one in self.proxy.exchanges)
        assert {one.request.method for one in self.proxy.exchanges} <= {"GET", "HEAD"}
        return found, kinds, seconds


def entries(channel, versions, n_entries):
    """A log, by its keys: published where there is a release for each entry, else promoted and rolled back."""
    previous = None
    for number in range(1, n_entries + 1):
        place = (number - 1) * len(versions) // n_entries
        action = "publish" if n_entries == len(versions) else "promote"
        if action == "promote" and number % TREND == 0:
            action, place = "rollback", max(place - 1, 0)
        if number == n_entries:
            place = len(versions) - 1
        minutes = (number - 1) * 60 * len(versions) // n_entries + (action != "publish")
        entry = {
            "version": versions[place], "action": action, "by": "ada", "reason": "as it is", "previous": previous,
            "at": (START + datetime.timedelta(minutes=minutes)).isoformat(), "nonce": f"{number:032x}",
        }  # fmt: skip
        previous = versions[place]
        yield f"channels/{channel}/{number:08d}.json", json.dumps(entry).encode()


@pytest.fixture(scope="module")
def filled(moto, tmp_path_factory):
    """A bucket with 300 releases, 300 entries in `candidate` and 1,100 in `stable`; the last release is whole."""
    release = tmp_path_factory.mktemp("many") / "release"
    write_release(release)
    objects, versions = {}, []
    for number in range(N_RELEASES):
        versions.append(write_manifest(release, params={"number": number}))
        objects[f"releases/{versions[-1]}/manifest.json"] = (release / "manifest.json").read_bytes()
    names = [path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()]
    objects |= {f"releases/{versions[-1]}/{name}": (release / name).read_bytes() for name in names}
    objects |= dict(entries("candidate", versions, N_RELEASES)) | dict(entries("stable", versions, N_ENTRIES))
    objects |= {f"signatures/{version}/0123456789abcdef.json": b"{}" for version in versions}
    bucket, client = moto.new_bucket(), moto.client(max_pool_connections=8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: client.put_object(Bucket=bucket, Key=f"tts/{key}", Body=objects[key]), objects))
    return f"s3://{bucket}/tts", versions, len(names) - 1


@pytest.fixture
def many(moto, filled, monkeypatch, tmp_path):
    """The store, as somebody far away sees it who has nothing of it in a cache."""
    address, versions, n_files = filled
    moto.export(monkeypatch, tmp_path)
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "cache"))
    with fault_proxy.before(moto.endpoint) as proxy:
        proxy.delay_s = DELAY_S
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield Many(address, proxy, versions, n_files)


def test_pull_of_a_channel_makes_six_requests_and_one_a_file(many):
    """Two listings for 1,100 entries, the last entry, a look beyond it, and the manifest; then the files."""
    (_, version), kinds, seconds = many.count(lambda store: store.fetch(find(store, "stable")))
    assert version == many.versions[-1]
    assert kinds["list"] == 2
    assert kinds["get"] <= 3 + many.n_files  # files of one content are got once
    assert kinds.total() <= 6 + many.n_files
    print(f"T32: pull stable: {kinds.total()} requests, {seconds:.1f} s")


def test_page_of_the_list_is_bounded(many):
    """50 of 300 releases: four listings, two requests a channel, a manifest and at most eight entries a release."""
    page, kinds, seconds = many.count(lambda store: store.catalogue.page(LIMIT))
    assert [listed.version for listed in page.releases] == many.versions[-LIMIT:]
    assert [listed.version for listed in page.releases if listed.channels] == many.versions[-1:]
    assert page.releases[-1].channels == ("candidate", "stable")
    assert page.releases[-1].signed_by == ("0123456789abcdef",)
    assert page.n_older == N_RELEASES - LIMIT and page.problems == ()
    published = [listed.published for listed in page.releases]
    assert published == sorted(published) and published[-1] == (START + datetime.timedelta(hours=299)).isoformat()
    assert kinds["list"] == 4
    assert kinds["get"] <= 8 * LIMIT + 2 * 2 + 2 * 16  # of each channel, 16 may have been read ahead
    summaries, more, more_seconds = many.count(lambda store: summarize(store, page))
    assert len(summaries) == LIMIT and more == {"get": LIMIT}
    assert many.n_at_once >= 4  # 16, if the machine is idle
    print(f"T32: list: {kinds.total() + more.total()} requests, {seconds + more_seconds:.1f} s")


def test_whole_list_reads_each_entry_and_manifest_once(many):
    """What was 2,008 requests and more, for who asks for all."""
    page, kinds, _ = many.count(lambda store: store.catalogue.page())
    assert [listed.version for listed in page.releases] == many.versions and page.n_older == 0
    assert kinds == {"list": 4, "get": N_ENTRIES + N_RELEASES + 2}


def test_release_is_found_by_its_first_characters(many):
    """One listing of what begins so."""
    wanted = many.versions[100]
    found, kinds, _ = many.count(lambda store: find(store, wanted[:6]))
    assert found == wanted
    assert kinds.total() <= 5


def test_publishing_again_reads_few_entries(many, monkeypatch):
    """Whether a channel of 1,100 entries has it already: the newest that was published decides."""
    answer, kinds, _ = many.count(lambda store: store.is_published(many.versions[-1], "candidate"))
    assert answer and kinds.total() <= 4


def test_message_names_a_few_of_many_releases(many):
    """Not 300 versions in one line."""
    with pytest.raises(Exception, match=r"it has: .* and 290 more; `peewee-tts release list`") as caught:
        many.count(lambda store: store.resolve("0" * 16))
    assert len(str(caught.value)) < 400

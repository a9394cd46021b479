"""Archives arrive whole and right, or not at all, whatever the server does."""

import base64
import hashlib
import logging
import os
import random
import subprocess
import sys
import threading

import pytest

from pipeline.download import fetch as download
from pipeline.download.answer import (
    ChecksumError,
    RefusedError,
    UnreachableError,
)
from pipeline.download.fetch import fetch_all
from pipeline.download.folder import as_tar
from tests.pipeline.download.hostile_server import BEHAVIOURS, serving
from tests.pipeline.ingest.archives import NAME, archive, hurried, names, source_of

SEEDS = int(os.environ.get("T2_SEEDS", "5"))


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "archives", tmp_path / "scratch"


@pytest.fixture
def watch():
    """Looks at a path all the time, and collects what it held that is not the archive."""
    stop, wrong, threads = threading.Event(), [], []

    def start(path, sha256):
        def look():
            while not stop.is_set():
                if path.exists():
                    found = path.read_bytes()
                    if hashlib.sha256(found).hexdigest() != sha256:
                        wrong.append(len(found))
                stop.wait(0.002)

        threads.append(threading.Thread(target=look, daemon=True))
        threads[0].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == [], "the final name held something else than the archive"


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda behaviour: behaviour.__name__)
def test_archive_arrives_or_error_is_named_when_server_misbehaves(behaviour, seed, places, watch, caplog):
    """T2: the right hash or the right error; nothing half done under the final name; no secret said."""
    folder, scratch = places
    caplog.set_level(logging.DEBUG)
    rng = random.Random(f"{behaviour.__name__} {seed}")
    payload = archive(rng.random(), rng.randrange(20_000, 400_000))
    case = behaviour(rng, seed, payload)
    waits, patience = hurried(stall_s=case.stall_s)
    with serving(case.script) as server:
        source = source_of(f"{server.url}/a.tar.gz?token=hush-hush", payload)
        watch(folder / NAME, source.sha256)
        if case.error is None:
            fetch_all([source], folder, scratch, patience)
            for asked, waited in zip(case.waits, waits, strict=False):
                assert waited >= asked
            assert len(waits) >= len(case.waits)
        else:
            with pytest.raises(case.error) as raised:
                fetch_all([source], folder, scratch, patience)
            assert type(raised.value) is case.error
            assert "hush-hush" not in str(raised.value)
            assert names(folder) == []
            if case.keeps:
                assert (scratch / f"{NAME}.part").stat().st_size > 0
            server.script = lambda exchange: exchange.serve(payload)
            fetch_all([source], folder, scratch, patience)
    assert (folder / NAME).read_bytes() == payload
    assert names(folder) == [NAME]
    assert names(scratch) == ["lock"]
    assert "hush-hush" not in caplog.text


def test_transfer_goes_on_where_it_broke(places):
    """Only the missing bytes are asked for, and only of the same version."""
    payload = archive(1, 300_000)
    with serving(lambda x: x.serve(payload, upto=100_000 if x.number == 0 else None)) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert server.requests == [("/", None, None), ("/", 100_000, '"v1"')]


@pytest.mark.parametrize("changed", [{"ETag": '"v2"'}, {"Content_Range": "bytes 50000-99999/100000"}])
def test_other_version_in_a_206_is_noticed_before_it_is_read(changed, places, caplog):
    """Some servers pass over If-Range; the answer's own ETag and length tell."""
    payload = archive(16, 80_000)

    def script(x):
        x.serve(payload, upto=50_000 if x.number == 0 else None, **(changed if x.start else {}))

    with serving(script) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert [start for _, start, _ in server.requests] == [None, 50_000, None]
    assert "has changed" in caplog.text or "and has 100000 now" in caplog.text
    assert (places[0] / NAME).read_bytes() == payload


def test_transfer_without_length_goes_on_where_it_broke(places):
    """Such an answer ends alike when it breaks and when it is complete, so a wrong hash is no verdict yet."""
    payload = archive(17, 90_000)
    with serving(lambda x: x.serve(payload, upto=40_000 if x.number < 2 else None, Content_Length=None)) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert [start for _, start, _ in server.requests] == [None, 40_000, 80_000]
    assert (places[0] / NAME).read_bytes() == payload


def test_waits_grow_and_attempts_end_when_nothing_answers(places):
    """Exponential backoff with jitter, then one error that says how often it was tried."""
    waits, patience = hurried(first_wait_s=1.0, longest_wait_s=20.0, attempts_without_progress=8)
    with serving(lambda x: None) as server:
        url = server.url
    with pytest.raises(UnreachableError, match="8 attempts"):
        fetch_all([source_of(url, b"")], *places, patience)
    assert len(waits) == 7
    for n, wait in enumerate(waits, start=1):
        assert min(20, 2**n) / 2 <= wait <= min(20, 2**n)


def test_attempts_end_though_each_brings_a_little(places):
    """A server that gives some bytes an attempt does not hold the pipeline for ever."""
    payload = archive(2, 100_000)
    with (
        serving(lambda x: x.serve(payload, upto=1000)) as server,
        pytest.raises(UnreachableError, match="given up after 9 attempts"),
    ):
        fetch_all([source_of(server.url, payload)], *places, hurried(attempts=9)[1])


@pytest.mark.parametrize("status", [401, 403, 404, 410, 204])
def test_refusal_is_final(status, places):
    """What will not change is not tried again."""
    with serving(lambda x: x.answer(status, b"no")) as server, pytest.raises(RefusedError, match=str(status)):
        fetch_all([source_of(server.url, b"")], *places, hurried()[1])
    assert len(server.requests) == 1


def test_secrets_in_url_are_not_said(places, caplog):
    """Neither a password nor a signature is in an error, a log or the sidecar."""
    caplog.set_level(logging.DEBUG)
    folder, scratch = places
    payload = archive(3, 50_000)
    with serving(lambda x: x.serve(payload, upto=1000)) as server:
        url = server.url.replace("//", "//user:pa55word@") + "/a?X-Amz-Signature=hush-hush"
        with pytest.raises(UnreachableError) as raised:
            fetch_all([source_of(url, payload)], folder, scratch, hurried(attempts=2)[1])
    said = str(raised.value) + caplog.text + (scratch / f"{NAME}.json").read_text()
    assert "***@127.0.0.1" in said
    assert "pa55word" not in said
    assert "hush-hush" not in said


def test_gzip_labelled_body_is_kept_as_it_is(places):
    """A server that calls a .tar.gz `Content-Encoding: gzip` does not make us unpack it."""
    payload = archive(4, 50_000)
    with serving(lambda x: x.serve(payload, Content_Encoding="gzip", Content_Type="text/html")) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert (places[0] / NAME).read_bytes() == payload


def test_two_downloads_at_once_fetch_once(places, caplog, monkeypatch):
    """The second waits for the first, and finds the archive there."""
    caplog.set_level(logging.INFO)
    payload = archive(12, 100_000)
    entered, waits = threading.Event(), threading.Event()
    said = logging.Handler()
    monkeypatch.setattr(said, "emit", lambda record: waits.set() if "waiting for its end" in record.msg else None)
    monkeypatch.setattr(download.log, "handlers", [said])

    def script(x):
        entered.set()
        assert waits.wait(10), "the second download did not wait"
        x.serve(payload)

    with serving(script) as server:
        source = source_of(server.url, payload)
        first = threading.Thread(target=fetch_all, args=([source], *places, hurried()[1]))
        first.start()
        assert entered.wait(10)
        fetch_all([source], *places, hurried()[1])
        first.join()
    assert len(server.requests) == 1
    assert (places[0] / NAME).read_bytes() == payload


@pytest.fixture
def original(tmp_path):
    path = tmp_path / "the original #1 100%.tar.gz"
    path.write_bytes(archive(13, 700_000))
    return path


def test_file_url_absolute_and_relative(original, places, monkeypatch):
    """`file:///absolute` and `file:relative`, percent-encoded or not."""
    monkeypatch.chdir(original.parent)
    for url in (original.as_uri(), f"file:{original.name}", f"file:{original}".replace("%", "%25")):
        fetch_all([source_of(url, original.read_bytes())], *places)
        assert (places[0] / NAME).read_bytes() == original.read_bytes()
        (places[0] / NAME).unlink()


def test_file_url_of_nothing_or_a_folder_says_where_it_looked(original, places):
    """A wrong path is an error with the whole path."""
    for path in (original.with_name("nothing"), original.parent):
        with pytest.raises(RefusedError, match=f"{path} is no regular file"):
            fetch_all([source_of(path.as_uri(), b"")], *places)


def test_present_archive_is_not_fetched_again(original, places):
    """DVC keeps the folder; what is right in it stays as it is, and needs no source."""
    source = source_of(original.as_uri(), original.read_bytes())
    fetch_all([source], *places)
    before = (places[0] / NAME).stat()
    original.unlink()
    fetch_all([source], *places)
    after = (places[0] / NAME).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


@pytest.mark.parametrize("damage", ["cut", "flipped", "folder", "dangling link"])
def test_damaged_archive_is_fetched_again(damage, original, places):
    """One flipped bit is enough, whatever the file's dates say."""
    folder, scratch = places
    payload = original.read_bytes()
    source = source_of(original.as_uri(), payload)
    folder.mkdir()
    final = folder / NAME
    match damage:
        case "cut":
            final.write_bytes(payload[:-1])
        case "flipped":
            final.write_bytes(bytes([payload[0] ^ 1]) + payload[1:])
        case "folder":
            (final / "in").mkdir(parents=True)
        case _:
            final.symlink_to("nowhere")
    fetch_all([source], folder, scratch)
    assert final.read_bytes() == payload
    assert not final.is_symlink()


def test_damaged_archive_is_gone_when_it_can_not_be_had_again(original, places):
    """An error leaves no archive that later stages could take for the right one."""
    places[0].mkdir()
    (places[0] / NAME).write_bytes(b"half")
    with pytest.raises(RefusedError):
        fetch_all([source_of("file:/nowhere", original.read_bytes())], *places)
    assert names(places[0]) == []


def test_files_that_no_source_names_are_removed_and_said(original, places, caplog):
    """The folder holds the archives of params.yaml and nothing else."""
    caplog.set_level(logging.WARNING)
    for folder in places:
        (folder / "old").mkdir(parents=True)
        (folder / "old.tar.gz.part").write_bytes(b"1")
    fetch_all([source_of(original.as_uri(), original.read_bytes())], *places)
    assert names(places[0]) == [NAME]
    assert names(places[1]) == ["lock"]
    assert "old.tar.gz.part is removed" in caplog.text


def test_other_archive_under_the_url_is_refused(original, places):
    """The error holds both hashes and what to do; the scratch keeps nothing of it."""
    with pytest.raises(ChecksumError, match=f"{'0' * 64}.*correct sha256"):
        fetch_all([source_of(original.as_uri(), original.read_bytes(), sha256="0" * 64)], *places, hurried()[1])
    with pytest.raises(ChecksumError, match="correct md5"):
        fetch_all([source_of(original.as_uri(), original.read_bytes(), md5="0" * 32)], *places, hurried()[1])
    assert names(places[0]) == []
    assert names(places[1]) == ["lock"]


def test_md5_may_be_unknown(original, places):
    """Some sites list none."""
    fetch_all([source_of(original.as_uri(), original.read_bytes(), md5=None)], *places)
    assert names(places[0]) == [NAME]


def test_part_of_another_archive_is_not_continued(original, places):
    """params.yaml was edited in between: the second file of the part shows it."""
    other = archive(14, 700_000)
    with serving(lambda x: x.serve(other, upto=5000 if x.number == 0 else None)) as server:
        with pytest.raises(UnreachableError):
            fetch_all([source_of(server.url, original.read_bytes())], *places, hurried(attempts=1)[1])
        fetch_all([source_of(server.url, other)], *places, hurried()[1])
    assert [start for _, start, _ in server.requests] == [None, None]


def test_mini_corpus_arrives_as_any_archive(places, repository):
    """What the project's own command writes is hashed like what a server sends."""
    spoken = [sys.executable, "-m", "pipeline.mini", "dev-clean"]
    payload = subprocess.run(spoken, cwd=repository, check=True, capture_output=True).stdout
    fetch_all([source_of("mini:dev-clean", payload)], *places)
    assert (places[0] / NAME).read_bytes() == payload
    with pytest.raises(ChecksumError, match="install the locked versions"):
        fetch_all([source_of("mini:dev-clean", payload, sha256="0" * 64)], *places)
    assert names(places[0]) == []


def test_mini_command_that_fails_is_named(places):
    """What the command said last is in the error, and it is not run again."""
    with pytest.raises(RefusedError, match=r"pipeline\.mini no-such-subset failed with"):
        fetch_all([source_of("mini:no-such-subset", b"")], *places, hurried()[1])
    assert names(places[0]) == []


def test_log_lines_stand_in_for_the_bar_without_a_terminal(places, monkeypatch, caplog):
    """A log file gets plain lines with how far it is."""
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(download, "_LINE_EVERY_S", 0.0)
    payload = archive(15, 600_000)
    with serving(lambda x: x.serve(payload)) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert f"archive={NAME} arrived={len(payload)} total={len(payload)}" in caplog.text


@pytest.mark.parametrize(
    ("kind", "beginning"), [("a .zst file", b"\x28\xb5\x2f\xfd"), ("a .7z file", b"7z\xbc\xaf\x27\x1c")]
)
def test_other_kind_of_archive_is_refused_when_it_begins(kind, beginning, places, tmp_path):
    """Its hash may be right: ingest could not read it, a day later."""
    path = tmp_path / "corpus.tar.gz"
    path.write_bytes(beginning + bytes(10_000_000))
    source = source_of(path.as_uri(), path.read_bytes())
    with pytest.raises(
        RefusedError, match=rf"is {kind}; a tar .* or a \.zip is read here, and nothing else: name another"
    ):
        fetch_all([source], *places)
    assert names(places[0]) == []


def test_later_piece_of_a_zip_may_begin_with_anything(places, tmp_path):
    """Only the first piece begins as the zip does."""
    path = tmp_path / "corpus_partab"
    path.write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(100))
    fetch_all([source_of(path.as_uri(), path.read_bytes(), piece=2)], *places)
    assert names(places[0]) == ["c-s.zip.002"]


def test_folder_of_this_machine_arrives_as_a_tar(places, tmp_path):
    """`/` at the end of the URL; a folder that is not there, and a file in its place, are named."""
    folder = tmp_path / "me"
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    payload = b"".join(as_tar(folder))
    fetch_all([source_of(f"{folder.as_uri()}/", payload)], *places)
    assert (places[0] / "c-s.tar").read_bytes() == payload
    for path in (tmp_path / "none", folder / "a.txt"):
        with pytest.raises(RefusedError, match="is no folder"):
            fetch_all([source_of(f"{path.as_uri()}/", payload, sha256="0" * 64)], *places)


def test_login_is_read_from_the_file_that_netrc_names_and_is_in_no_parameter(original, places, tmp_path, monkeypatch):
    """VoxCeleb's server asks for one. It is sent to that host only."""
    payload = original.read_bytes()
    seen = []

    def answer(exchange):
        seen.append(exchange.headers.get("Authorization"))
        exchange.serve(payload)

    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    (tmp_path / "netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving(answer) as server:
        fetch_all([source_of(server.url, payload)], *places)
    assert seen == ["Basic " + base64.b64encode(b"me:s3cret").decode()]

import json
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
import yaml

from pipeline.commands.corpus_watch import compare, main, parse_hash_list

MD5, SHA256 = "0" * 32, "1" * 64


def source(url, subset="a", sha256=SHA256):
    return {"corpus": "c", "subset": subset, "url": url, "md5": MD5, "sha256": sha256, "licence": "CC0"}


class Look:
    """A folder with params.yaml, and looks at its sources, each knowing the last."""

    def __init__(self, folder, capsys):
        self.folder, self.capsys = folder, capsys
        self.seen = {}

    def name(self, *sources):
        (self.folder / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": list(sources)}}))

    def __call__(self, *arguments):
        code = main(["--known", json.dumps(self.seen), *arguments])
        said = self.capsys.readouterr()
        assert code == 0, said.err
        found = json.loads(said.out.strip().splitlines()[-1])
        self.seen = found["seen"]
        return found


@pytest.fixture
def look(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("PEEWEE_REPOSITORY", "PEEWEE_HASH_LISTS", "PEEWEE_CORPUS_INBOX", "PEEWEE_RESULT"):
        monkeypatch.delenv(name, raising=False)
    return Look(tmp_path, capsys)


@pytest.fixture
def site(tmp_path):
    """A web server, and the folder that it serves."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


def test_first_look_changes_nothing_and_the_same_look_neither(look, site):
    """What is there when the watch begins is no news."""
    url, folder = site
    (folder / "a.tar.gz").write_bytes(b"1234")
    look.name(source(f"{url}/a.tar.gz"), source("mini:train-clean", "b"))
    assert look()["changes"] == []
    assert look()["changes"] == []


def test_archive_replaced_at_its_url_is_noticed(look, site):
    """Its length is another; nothing is downloaded."""
    url, folder = site
    (folder / "a.tar.gz").write_bytes(b"1234")
    look.name(source(f"{url}/a.tar.gz"))
    look()
    (folder / "a.tar.gz").write_bytes(b"123456")
    (change,) = look()["changes"]
    assert f"{url}/a.tar.gz is another one now (length 6" in change
    assert look()["changes"] == []


def test_source_added_to_params_is_noticed_once(look):
    """By its name and hash, not twice."""
    look.name(source("mini:a"))
    look()
    look.name(source("mini:a"), source("mini:b", "b", "2" * 64))
    assert look()["changes"] == [f"params.yaml names c-b.tar.gz with sha256 {'2' * 64}"]


def test_publisher_s_list_is_compared_with_ours_and_with_the_last_one(look, site):
    """Another hash for an archive of ours would be refused by download; a new line is news."""
    url, folder = site
    (folder / "a.tar.gz").write_bytes(b"1")
    (folder / "md5sum.txt").write_text(f"{MD5}  a.tar.gz\n")
    look.name(source(f"{url}/a.tar.gz"))
    lists = ("--hash-lists", f"{url}/md5sum.txt")
    assert (look(*lists)["changes"], look(*lists)["wrong"]) == ([], [])
    (folder / "md5sum.txt").write_text(f"{'f' * 32} *a.tar.gz\n{'e' * 64}  new.tar.gz\n")
    found = look(*lists)
    assert len(found["changes"]) == 2
    assert found["wrong"] == [
        f"{url}/md5sum.txt has {'f' * 32} for a.tar.gz, params.yaml has {MD5}: it will be refused"
    ]


def test_archive_in_the_inbox_is_noticed_unless_params_name_it(look, tmp_path):
    """A folder where new archives appear."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "known.tar.gz").write_bytes(b"1")
    look.name(source(f"file://{inbox}/known.tar.gz"))
    assert look("--inbox", str(inbox))["changes"] == []
    (inbox / "fresh.tar.gz").write_bytes(b"12")
    (inbox / "notes.txt").write_bytes(b"12")
    (change,) = look("--inbox", str(inbox))["changes"]
    assert change.startswith("an archive arrived: fresh.tar.gz (length 2")


def test_s3_sources_and_inbox_are_asked_by_their_own_protocol(look, s3_bucket):
    """ETag and length from a real server."""
    client = boto3.client("s3")
    client.put_object(Bucket=s3_bucket, Key="in/a.tar.gz", Body=b"1")
    look.name(source(f"s3://{s3_bucket}/in/a.tar.gz"))
    inbox = ("--inbox", f"s3://{s3_bucket}/in/")
    look(*inbox)
    client.put_object(Bucket=s3_bucket, Key="in/a.tar.gz", Body=b"2")
    client.put_object(Bucket=s3_bucket, Key="in/b.tar.gz", Body=b"3")
    changed, arrived = look(*inbox)["changes"]
    assert "a.tar.gz is another one now" in changed
    assert "an archive arrived: b.tar.gz" in arrived


def test_sources_are_read_at_a_revision(look, tmp_path):
    """Of a repository, by branch or commit."""
    repository = tmp_path / "repository"
    repository.mkdir()

    def git(*arguments):
        command = ["git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    for subset in ("a", "b"):
        sources = {"corpus": {"sources": [source(f"mini:{subset}", subset)]}}
        (repository / "params.yaml").write_text(yaml.safe_dump(sources))
        git("add", "params.yaml")
        git("commit", "-q", "-m", subset)
    first = git("rev-parse", "HEAD~1")
    for revision, named in (("main", "c-b.tar.gz"), ("HEAD", "c-b.tar.gz"), (first, "c-a.tar.gz")):
        seen = look("--repository", str(repository), "--revision", revision)["seen"]
        assert list(seen["named"]) == [named]


@pytest.mark.parametrize(
    ("url", "arguments", "code", "said"),
    [
        ("http://127.0.0.1:1/a.tar.gz", [], 75, "http://127.0.0.1:1/a.tar.gz: ConnectionError"),
        ("http://u:planted@127.0.0.1:1/a?sig=planted", [], 75, "http://***@127.0.0.1:1/a?***"),
        ("file:///nowhere/a.tar.gz", [], 75, "No such file"),
        ("mini:a", ["--known", "["], 2, "no JSON"),
        ("mini:a", ["--known", "[]"], 2, "not what a look before has printed"),
        ("mini:a", ["--inbox", "/nowhere"], 75, "PEEWEE_CORPUS_INBOX"),
        ("mini:a", ["--repository", "/nowhere"], 2, "PEEWEE_REPOSITORY"),
    ],
)
def test_what_can_t_be_looked_at_is_one_line(look, capsys, url, arguments, code, said):
    """It names the place without its secrets; what may answer later is tried again."""
    look.name(source(url))
    assert main(arguments) == code
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert said in error
    assert "planted" not in error


def test_hash_lists_of_both_kinds_are_read():
    """The lines are as md5sum and sha256sum write them; other lines are ignored."""
    text = f"# comment\n{MD5}  ./a.tar.gz\n{SHA256} *dir/b c.tar.gz\nnot a line\n"
    assert parse_hash_list(text) == {"a.tar.gz": MD5, "b c.tar.gz": SHA256}


def test_vanished_source_is_no_change():
    """Somebody took it out of params.yaml: nothing new to train on."""
    assert compare({"sources": {"u": "1"}, "named": {"a": "1"}}, {"sources": {}, "named": {}}) == []


def test_result_goes_to_a_file_too(tmp_path):
    """As a pod returns it."""
    (tmp_path / "params.yaml").write_text(yaml.safe_dump({"corpus": {"sources": [source("mini:a")]}}))
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.commands.corpus_watch"],
        cwd=tmp_path, check=True, capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "PEEWEE_RESULT": str(tmp_path / "x/result.json")},
    )  # fmt: skip
    assert (tmp_path / "x/result.json").read_text() == done.stdout

"""`peewee-tts release` as it is installed, on a store in a folder and on a real S3 server."""

import contextlib
import hashlib
import http.server
import io
import itertools
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from peewee_model.cli import main as cli
from peewee_model.cli.release_summary import human_size, table
from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.public_text import printable
from peewee_model.release.manifest import Manifest
from peewee_model.store.channels import ChannelEntry, Numbered
from peewee_model.store.rollback import version_before
from peewee_model.store.store import open_store

SCRIPT = Path(sys.executable).with_name("peewee-tts")
METRICS = {"speaker": {"eer": 0.0421}, "speech": {"synthesized": {"cer": 0.187, "wer": 0.4}}}
CORPUS = {
    "corpus": "libritts", "subset": "train-clean-100", "url": "https://example.org/a.tar.gz", "sha256": "0f" * 32,
    "licence": "CC BY 4.0", "n_speakers": 247, "n_utterances": 33236, "hours": 53.78, "splits": {},
}  # fmt: skip


@dataclass(frozen=True)
class Shelf:
    """A store with three releases, published to `stable` one after the other."""

    address: str
    folders: tuple[Path, ...]
    versions: tuple[str, ...]

    @property
    def store(self):
        return open_store(self.address)

    def run(self, *arguments, **environment):
        return run(*arguments, PEEWEE_STORE=self.address, **environment)

    def json(self, *arguments):
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def current(self, channel="stable"):
        return self.store.resolve(channel)


def run(*arguments, **environment):
    """What `peewee-tts release` does, in this process, which saves a second each time."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        for name, value in {"PEEWEE_PUBLISHER": "ada", **environment}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["peewee-tts", "release", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
    shown = [stream.buffer.getvalue().decode() for stream in (out, err)]
    return subprocess.CompletedProcess(["release"], int(caught.value.code or 0), *shown)


def installed(*arguments, **environment):
    """The same by the console script."""
    return subprocess.run(
        [SCRIPT, "release", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PEEWEE_PUBLISHER": "ada", **environment},
    )


def refused(done, *words, code=2):
    """One line on stderr, nothing on stdout, and the exit code."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("peewee-tts: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.fixture
def releases(bare_release, sign):
    folder, _ = bare_release
    folders, versions = [], []
    for number in range(3):
        copy = folder.parent / f"release-{number}"
        shutil.copytree(folder, copy)
        (copy / "MODEL_CARD.md").write_text(f"number {number}")
        versions.append(sign(copy, metrics=METRICS, corpora=[CORPUS], params={"seed": number}))
        folders.append(copy)
    return tuple(folders), tuple(versions)


@pytest.fixture
def shelf(request, tmp_path, releases, monkeypatch):
    """A folder; for tests marked `both`, a real S3 server as well."""
    monkeypatch.delenv("PEEWEE_PUBLIC_KEY", raising=False)
    if getattr(request, "param", "folder") == "folder":
        address = str(tmp_path / "store")
    else:
        address = f"s3://{request.getfixturevalue('s3_bucket')}/tts/voices"
        monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    shelf = Shelf(address, *releases)
    for number, folder in enumerate(shelf.folders):
        shelf.store.publish(folder, "stable", f"run {number}")
    return shelf


both = pytest.mark.parametrize("shelf", ["folder", pytest.param("swift", marks=pytest.mark.system)], indirect=True)


@pytest.fixture
def keys(tmp_path):
    private, public = tmp_path / "release.key", tmp_path / "release.pub"
    make = ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private]
    subprocess.run(make, check=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return private, public


@both
def test_installed_command_does_all_of_it(shelf, keys):
    """From one release to another and back, as a person with a terminal does it; some of it in this process."""
    first, second, third = shelf.versions
    environment = {"PEEWEE_STORE": shelf.address}

    def done(program, *arguments):
        found = program(*arguments, **environment)
        assert found.returncode == 0, found.stderr
        return found.stdout

    assert [entry["version"] for entry in json.loads(done(run, "list", "--json")) if entry["channels"]] == [third]
    assert first in done(run, "promote", first, "--channel", "stable", "--reason", "the first was best")
    assert third in done(installed, "rollback", "--channel", "stable", "--reason", "it was not")
    assert done(run, "history").splitlines()[-1].endswith("it was not")
    signer = json.loads(done(run, "sign", "stable", "--key", keys[0], "--json"))["signed_by"]
    assert signer in done(run, "verify", third, "--public-key", keys[1])
    assert signer in done(run, "show", third)
    pulled = done(installed, "pull", "stable", "--public-key", keys[1]).strip()
    assert (Path(pulled) / "MODEL_CARD.md").read_text() == "number 2"
    refused(run("show", "beta", **environment), "'beta'", first, second)
    refused(installed("verify", second, "--public-key", keys[1], **environment), "is not signed by")


def test_list_shows_every_release(shelf):
    """With its channels, one line a release."""
    done = shelf.run("list")
    assert done.returncode == 0 and done.stderr == ""
    head, *rows = done.stdout.splitlines()
    assert head.split()[:2] == ["VERSION", "CHANNELS"]
    assert {row.split()[0] for row in rows} == set(shelf.versions)
    last = next(row for row in rows if row.startswith(shelf.versions[2]))
    for shown in ("stable", "4.2 %", "18.7 %", "53.8", "247"):
        assert f"  {shown}  " in last, last


@both
def test_list_as_json_is_complete(shelf):
    """A program sees all that the table shows."""
    listed = {entry["version"]: entry for entry in shelf.json("list")}
    assert listed.keys() == set(shelf.versions)
    first, last = listed[shelf.versions[0]], listed[shelf.versions[2]]
    assert (first["channels"], last["channels"]) == ([], ["stable"])
    assert last["metrics"] == {"speaker.eer": 0.0421, "speech.synthesized.cer": 0.187}
    assert (last["hours"], last["n_speakers"], last["n_utterances"]) == (53.78, 247, 33236)
    assert (last["signed_by"], last["error"], last["published"][:2]) == ([], None, "20")
    files = [path for path in shelf.folders[2].rglob("*") if path.is_file() and path.name != "manifest.json"]
    assert (last["n_files"], last["size"]) == (len(files), sum(path.stat().st_size for path in files))


def test_list_of_an_empty_store_says_so_on_stderr(tmp_path):
    """stdout stays empty for a program that reads it."""
    done = run("list", "--json", "--store", tmp_path / "none")
    assert (done.returncode, done.stdout) == (0, "[]\n")
    assert "holds no release" in done.stderr


@both
def test_show_as_json_is_the_manifest_byte_by_byte(shelf):
    """Its hash is the version."""
    done = shelf.run("show", "stable", "--json")
    assert hashlib.sha256(done.stdout.encode()).hexdigest()[:16] == shelf.versions[2]
    assert Manifest.model_validate_json(done.stdout).metrics == METRICS


def test_show_tells_what_a_release_is(shelf):
    """What a person asks before using it."""
    shown = shelf.run("show", shelf.versions[2]).stdout
    for word in (
        shelf.versions[2], "stable", "passed", "nobody", "not from a git commit", "libritts train-clean-100", "33236",
        "53.78", "CC BY 4.0", "encoder", "speech.synthesized.wer", "0.4",
    ):  # fmt: skip
        assert word in shown, shown
    params = hashlib.sha256(b'{"seed":2}').hexdigest()
    assert params in shown


@pytest.mark.parametrize("length", [4, 15, 16])
def test_release_is_named_by_its_beginning(shelf, length):
    """The first characters are enough, as in git."""
    version = shelf.versions[1]
    begin = version[:length]
    if sum(other.startswith(begin) for other in shelf.versions) > 1:
        pytest.skip("two of the releases begin alike")
    assert hashlib.sha256(shelf.run("show", begin, "--json").stdout.encode()).hexdigest()[:16] == version


@both
def test_name_that_means_nothing_lists_what_there_is(shelf):
    """The error shows channels and versions to choose from."""
    for command, name in zip(
        itertools.cycle(("show", "pull", "verify")),
        ("beta", "0123456789abcdef", "ffff0000", "abc", "no such", "../stable", ""),
        strict=False,
    ):
        refused(shelf.run(command, name), shelf.address, *shelf.versions)


def test_beginning_that_several_releases_share_is_refused(tmp_path, releases, sign):
    """A guess would be the wrong voice half of the time."""
    folders, _ = releases
    store, seen = open_store(str(tmp_path / "store")), {}
    for number in range(2000):
        version = sign(folders[0], params={"number": number})
        if (other := seen.setdefault(version[:4], (version, number)))[0] != version:
            break
    for which in (other[1], number):
        sign(folders[0], params={"number": which})
        store.publish(folders[0], "stable", "alike")
    refused(run("show", version[:4], "--store", store.address), version, other[0], "write more")
    assert run("show", version[:15], "--store", store.address).returncode in (0, 2)


def test_channel_whose_name_could_be_a_beginning_wins(shelf):
    """A channel's name is chosen, a version's is chance."""
    name = shelf.versions[1][:4]
    done = shelf.run("promote", shelf.versions[0], "--channel", name, "--reason", "to confuse")
    assert done.returncode == 0, done.stderr
    assert shelf.run("pull", name, "--json").stdout.count(shelf.versions[0])


@both
def test_pull_prints_a_folder_with_the_release(shelf):
    """A script can use the printed path."""
    done = shelf.run("pull", "stable")
    assert done.returncode == 0 and shelf.versions[2] in done.stderr
    folder = Path(done.stdout.rstrip("\n"))
    assert (folder / "MODEL_CARD.md").read_text() == "number 2"
    assert shelf.json("pull", "stable") == {"version": shelf.versions[2], "path": str(folder)}


@both
def test_pull_copies_into_a_new_or_empty_folder_only(shelf, tmp_path):
    """It overwrites nothing of the user's."""
    (tmp_path / "empty").mkdir()
    for target in (tmp_path / "a/new", tmp_path / "empty"):
        assert shelf.json("pull", "stable", "--to", target) == {"version": shelf.versions[2], "path": str(target)}
        assert content(target) == content(shelf.folders[2])
        assert os.access(target / "MODEL_CARD.md", os.W_OK)  # a copy is the user's own
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "full", tmp_path / "file", tmp_path / "a/new"):
        before = content(tmp_path)
        refused(shelf.run("pull", "stable", "--to", target), str(target), "--to")
        assert content(tmp_path) == before


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@both
def test_verify_says_what_was_compared(shelf):
    """The number of files and where they are."""
    done = shelf.run("verify", "stable")
    assert done.returncode == 0, done.stderr
    files = content(shelf.folders[2])
    size = sum(len(data) for name, data in files.items() if name != "manifest.json")
    assert f"{len(files) - 1} files of {size} bytes" in done.stdout and "no signature was asked for" in done.stdout
    assert shelf.json("verify", "stable") == {
        "version": shelf.versions[2], "n_files": len(files) - 1, "size": size, "signed_by": None,
    }  # fmt: skip


@pytest.mark.parametrize("json_flag", [[], ["--json"]])
def test_verify_names_the_file_that_differs(tmp_path, releases, json_flag, sign):
    """One changed byte is found, and the exit code is 2."""
    folders, versions = releases
    store = tmp_path / "store"
    open_store(str(store)).publish(folders[0], "stable", "first")
    path = store / "releases" / versions[0] / "vocoder/model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    done = run("verify", "stable", "--store", store, *json_flag)
    refused(done, "vocoder/model.safetensors", "expected sha256", "found sha256")


def test_verify_on_s3_looks_at_the_store_and_not_at_what_was_got(s3_bucket, swift, releases, monkeypatch):
    """A good cache hides no damage in the store."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    folders, versions = releases
    shelf = Shelf(f"s3://{s3_bucket}", folders, versions)
    shelf.store.publish(folders[0], "stable", "first")
    assert shelf.run("pull", "stable").returncode == 0
    key = f"releases/{versions[0]}/MODEL_CARD.md"
    swift.client().put_object(Bucket=s3_bucket, Key=key, Body=b"number 9")
    refused(shelf.run("verify", "stable"), "MODEL_CARD.md", "expected")
    swift.client().delete_object(Bucket=s3_bucket, Key=key)
    refused(shelf.run("verify", "stable"), "MODEL_CARD.md", "found no file")


@both
def test_promote_makes_a_channel_mean_a_release(shelf):
    """With its reason in the history."""
    done = shelf.run("promote", shelf.versions[0], "--channel", "beta", "--reason", "  for\n testers ", "--json")
    assert done.returncode == 0 and "channel beta is new" in done.stderr
    entry = json.loads(done.stdout)
    assert entry | {"at": ""} == {
        "channel": "beta", "number": 1, "action": "promote", "version": shelf.versions[0], "previous": None, "at": "",
        "by": "ada", "reason": "for testers",
    }  # fmt: skip
    done = shelf.run("promote", "beta", "--channel", "stable", "--reason", "testers like it")
    assert f"stable points to {shelf.versions[0]}: number 4, promote at 20" in done.stdout
    assert "by ada: testers like it" in done.stdout
    assert shelf.current() == shelf.versions[0]


def test_promoting_what_a_channel_means_already_adds_nothing(shelf):
    """The history has one entry a change."""
    done = shelf.run("promote", "stable", "--channel", "stable", "--reason", "again", "--json")
    assert done.returncode == 0 and "nothing was added" in done.stderr
    assert json.loads(done.stdout)["number"] == len(shelf.store.history("stable")) == 3


def test_promote_warns_of_a_release_that_did_not_pass_its_gate(tmp_path, releases, sign):
    """It is allowed, and it is said."""
    folder = releases[0][0]
    (folder / "reports/gate.json").write_text('{"passed": false, "failures": ["EER 0.4 is over 0.1"]}')
    version = sign(folder)
    store = tmp_path / "store"
    open_store(str(store)).publish(folder, "beta", "anyway")
    done = run("promote", version, "--channel", "stable", "--reason", "a demo", "--store", store)
    assert done.returncode == 0 and "did not pass its gate" in done.stderr and "EER 0.4" in done.stderr


@pytest.mark.parametrize("reason", ["", "  ", "\n\t"])
def test_blank_reason_is_refused(shelf, reason):
    """The history is read later, by others."""
    refused(shelf.run("promote", shelf.versions[0], "--channel", "stable", "--reason", reason), "--reason is blank")
    refused(shelf.run("rollback", "--channel", "stable", "--reason", reason), "--reason is blank")
    assert len(shelf.store.history("stable")) == 3


@pytest.mark.parametrize("channel", ["Stable", "a/b", "0123456789abcdef", "../x", ""])
def test_name_that_can_be_no_channel_is_refused(shelf, channel):
    """It would be a path or a version."""
    done = shelf.run("promote", shelf.versions[0], "--channel", channel, "--reason", "why not")
    refused(done, "can't be a channel")


@both
def test_rollback_goes_further_back_each_time_and_stops_at_the_first(shelf):
    """Two rollbacks do not undo each other."""
    for expected in (shelf.versions[1], shelf.versions[0]):
        entry = shelf.json("rollback", "--channel", "stable", "--reason", "it lisps")
        assert (entry["version"], entry["action"], entry["reason"]) == (expected, "rollback", "it lisps")
        assert shelf.current() == expected
    refused(shelf.run("rollback", "--channel", "stable", "--reason", "more"), "pointed to nothing before")
    assert [numbered.number for numbered in shelf.store.history("stable")] == [1, 2, 3, 4, 5]


def test_rollback_to_a_release_that_the_channel_meant(shelf):
    """A release can be named instead of a number of steps."""
    first, second, third = shelf.versions
    assert shelf.json("rollback", "--channel", "stable", "--reason", "both lisp", "--to", first)["version"] == first
    assert shelf.json("rollback", "--channel", "stable", "--reason", "no, one", "--to", third)["version"] == third
    refused(shelf.run("rollback", "--channel", "stable", "--reason", "no", "--to", third), "already")
    shelf.store.append("beta", second, "promote", "new")
    refused(shelf.run("rollback", "--channel", "beta", "--reason", "no", "--to", first), "never pointed to", "promote")


def test_rollback_of_an_unknown_channel_is_refused(shelf):
    """The error lists the channels that exist."""
    refused(shelf.run("rollback", "--channel", "beta", "--reason", "it lisps"), "no channel 'beta'", "stable")
    refused(shelf.run("history", "--channel", "beta"), "no channel 'beta'", "stable")
    refused(shelf.run("history", "--channel", shelf.versions[0]), "is a version, not a channel", "stable")


@both
def test_history_has_the_newest_last(shelf):
    """What happened last is next to the prompt."""
    shelf.run("rollback", "--channel", "stable", "--reason", "it lisps")
    head, *rows = shelf.run("history", "--channel", "stable").stdout.splitlines()
    assert head.split() == ["NUMBER", "WHEN", "BY", "ACTION", "VERSION", "REASON"]
    assert [row.split()[0] for row in rows] == ["1", "2", "3", "4"]
    assert rows[3].split()[2:] == ["ada", "rollback", shelf.versions[1], "it", "lisps"]
    entries = shelf.json("history")
    assert [entry["version"] for entry in entries] == [*shelf.versions, shelf.versions[1]]
    assert entries[3].keys() == {"channel", "number", "version", "action", "at", "by", "reason", "previous"}


@both
def test_signed_release_is_listed_verified_and_required(shelf, keys, tmp_path):
    """`--public-key` refuses a release without a signature."""
    private, public = keys
    other = tmp_path / "other.pub"
    subprocess.run(
        f"openssl ecparam -name prime256v1 -genkey -noout | openssl pkey -pubout -out {other}", shell=True, check=True
    )
    refused(shelf.run("verify", "stable", "--public-key", public), "is not signed by")
    refused(shelf.run("pull", "stable", PEEWEE_PUBLIC_KEY=str(public)), "is not signed by", "nobody")
    signer = shelf.json("sign", "stable", "--key", private)["signed_by"]
    assert f"signed by key {signer}" in shelf.run("sign", "stable", PEEWEE_SIGNING_KEY=str(private)).stdout
    assert shelf.json("verify", "stable", "--public-key", public)["signed_by"] == signer
    assert f"(key {signer})" in shelf.run("verify", "stable", PEEWEE_PUBLIC_KEY=str(public)).stdout
    assert "signed by" in shelf.run("pull", "stable", "--public-key", public).stderr
    assert [entry["signed_by"] for entry in shelf.json("list") if entry["channels"]] == [[signer]]
    assert signer in shelf.run("show", "stable").stdout
    refused(shelf.run("verify", "stable", "--public-key", other), "is not signed by", signer)
    refused(shelf.run("pull", "stable", "--public-key", tmp_path / "none.pub"), "can't be read")


def test_release_signed_when_published_is_what_the_key_signed(tmp_path, releases, keys):
    """`PEEWEE_SIGNING_KEY` signs before the channel moves."""
    folders, versions = releases
    store = open_store(str(tmp_path / "store"))
    store.publish(folders[0], "stable", "first", signing_key=keys[0])
    ((signer, bundle),) = store.signatures(versions[0]).items()
    assert (
        json.loads(run("verify", "stable", "--public-key", keys[1], "--json", "--store", store.address).stdout)[
            "signed_by"
        ]
        == signer
    )
    signature = tmp_path / "signature.json"
    signature.write_bytes(bundle)
    tool = [SCRIPT.with_name("model_signing"), "verify", "key", tmp_path / "store/releases" / versions[0]]
    subprocess.run([*tool, "--signature", signature, "--public_key", keys[1]], check=True, capture_output=True)


@both
def test_half_published_release_is_refused(shelf, swift):
    """A release without its manifest is not there."""
    half = "0123456789abcdef"
    if shelf.address.startswith("s3://"):
        bucket, _, prefix = shelf.address.removeprefix("s3://").partition("/")
        swift.client().put_object(Bucket=bucket, Key=f"{prefix}/releases/{half}/MODEL_CARD.md", Body=b"x")
    else:
        (Path(shelf.address) / "releases" / half).mkdir()
        (Path(shelf.address) / "releases" / half / "MODEL_CARD.md").write_text("x")
    for command in ("show", "pull", "verify"):
        refused(shelf.run(command, half), half, "half there", "publish it again")
    refused(shelf.run("promote", half, "--channel", "stable", "--reason", "hm"), "half there")
    assert half not in shelf.run("list").stdout


def test_wrong_use_of_s3_is_one_line_that_names_it(s3_bucket, swift, monkeypatch):
    """Keys, bucket and region have a remedy each."""
    store = f"s3://{s3_bucket}/tts"
    refused(run("show", "stable", "--store", store), store, "'stable'")
    refused(run("list", "--store", "s3://no-such-bucket-here/tts"), "no bucket 'no-such-bucket-here'", "create it")
    refused(run("list", "--store", store, AWS_SECRET_ACCESS_KEY="wrong-secret"), "credentials", "AWS_SECRET_ACCESS_KEY")
    refused(run("list", "--store", store, AWS_ACCESS_KEY_ID="nobody:here"), "AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused(run("list", "--store", store), "set AWS_ACCESS_KEY_ID")
    refused(run("list", "--store", "s3://Upper_Case"), "can't be a bucket")
    refused(run("list", "--store", "gs://bucket"), "s3://bucket/prefix")


def test_server_out_of_reach_is_one_line_and_worth_another_try(s3_bucket):
    """Exit code 75: whoever runs us may try again, as it is done with a network that fails."""
    store, once = f"s3://{s3_bucket}", {"AWS_MAX_ATTEMPTS": "1"}
    done = run("list", "--store", store, AWS_ENDPOINT_URL="http://127.0.0.1:9", **once)
    refused(done, "127.0.0.1:9 can't be reached", "AWS_ENDPOINT_URL", code=75)
    refused(run("list", "--store", store, AWS_ENDPOINT_URL="nonsense", **once), "AWS_ENDPOINT_URL")


@pytest.fixture
def web_server():
    """A server that is none of S3."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>Welcome</html>")

        def log_message(self, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_endpoint_that_is_no_s3_server_is_one_line(s3_bucket, web_server):
    """A web page that answers is no store."""
    for arguments in (["list"], ["history"], ["show", "stable"], ["pull", "0123456789abcdef"], ["verify", "0123"]):
        done = run(*arguments, "--store", f"s3://{s3_bucket}", AWS_ENDPOINT_URL=web_server, AWS_MAX_ATTEMPTS="1")
        refused(done, "AWS_ENDPOINT_URL" if arguments[0] in ("list", "history") else "")


def test_store_that_can_not_be_read_is_one_line(tmp_path):
    """The error names the folder."""
    (tmp_path / "store").symlink_to(tmp_path / "store")
    refused(run("list", "--store", tmp_path / "store"), "symbolic links", "check the address")


def test_damaged_release_is_listed_and_hides_no_other(tmp_path, releases):
    """One bad manifest does not end the listing."""
    folders, versions = releases
    store = open_store(str(tmp_path / "store"))
    for folder in folders[:2]:
        store.publish(folder, "stable", "run")
    (tmp_path / "store/releases" / versions[0] / "manifest.json").write_text("{}")
    done = run("list", "--store", store.address)
    assert done.returncode == 0 and versions[0] in done.stderr
    damaged, whole = (next(row for row in done.stdout.splitlines() if row.startswith(v)) for v in versions[:2])
    assert "damaged" in damaged and "damaged" not in whole
    listed = {entry["version"]: entry for entry in json.loads(run("list", "--json", "--store", store.address).stdout)}
    assert versions[0] in listed[versions[0]]["error"] and listed[versions[1]]["error"] is None


def test_damaged_channel_entry_is_named(tmp_path, releases):
    """The error names the entry's file."""
    store = open_store(str(tmp_path / "store"))
    store.publish(releases[0][0], "stable", "run")
    (tmp_path / "store/channels/stable/00000001.json").write_text("{")
    for arguments in (["history"], ["pull", "stable"], ["rollback", "--channel", "stable", "--reason", "bad"]):
        refused(run(*arguments, "--store", store.address), "channels/stable/00000001.json is no channel entry")


def test_damaged_channel_leaves_the_other_channels_alone(tmp_path, releases):
    """It is named on stderr, once; lists and pages leave it out."""
    folders, (version, *_) = releases
    store = open_store(str(tmp_path / "store"))
    store.publish(folders[0], "beta", "run")
    store.publish(folders[0], "stable", "run")
    (tmp_path / "store/channels/beta/00000001.json").write_text('{"reason": "f\\udcfcr Tester"}')
    for arguments in (["list"], ["show", version], ["show", "stable"]):
        done = run(*arguments, "--store", store.address)
        assert done.returncode == 0
        assert len(done.stderr.splitlines()) == 1
        assert "channels/beta/00000001.json is no channel entry" in done.stderr
        assert "stable" in done.stdout and "beta" not in done.stdout
    (row,) = json.loads(run("list", "--json", "--store", store.address).stdout)
    assert row["channels"] == ["stable"]
    assert run("promote", version, "--channel", "gamma", "--reason", "x", "--store", store.address).returncode == 0
    refused(run("pull", "nowhere", "--store", store.address), "its channels: beta, gamma, stable")


def test_text_from_a_store_does_not_steer_the_terminal(tmp_path, releases):
    """Control characters in a reason are shown, not obeyed."""
    store = open_store(str(tmp_path / "store"))
    store.publish(releases[0][0], "stable", "good")
    entry = tmp_path / "store/channels/stable/00000001.json"  # nobody can add such a one, but older programs could
    entry.chmod(0o644)
    odd = json.loads(entry.read_text()) | {"reason": "\x1b[2J\x1b]0;owned\x07 new\nline \u202e"}
    entry.write_text(json.dumps(odd))
    shown = run("history", "--store", store.address).stdout
    assert "\x1b" not in shown and "\x07" not in shown and "\u202e" not in shown and len(shown.splitlines()) == 2


def test_pinned_release_that_was_got_needs_no_server(s3_bucket, releases, monkeypatch):
    """A version can't change, so the cache is enough."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    folders, versions = releases
    shelf = Shelf(f"s3://{s3_bucket}", folders, versions)
    shelf.store.publish(folders[0], "stable", "first")
    path = shelf.run("pull", "stable").stdout
    gone = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    assert shelf.run("pull", versions[0], **gone).stdout == path
    refused(shelf.run("pull", "stable", **gone), "can't be reached", code=75)


def log(*steps):
    return [
        Numbered(
            number,
            ChannelEntry(version=version, action=action, at="", by="", reason="", previous=None, nonce=""),
        )
        for number, (action, version) in enumerate(steps, 1)
    ]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("", None),
        ("pA", None),
        ("pA pA", None),
        ("pA pB", "A"),
        ("pA pB pB", "A"),
        ("pA pB mB", "A"),
        ("pA pB pC rB", "A"),
        ("pA pB pC rB rA", None),
        ("pA pB pC rA", None),
        ("pA pB rA pC", "A"),
        ("pA pB rA pB", "A"),
        ("pA pB mA", "B"),
        ("pA pB mA rB", "A"),
        ("pA pB mA rB rA", None),
        ("pA pB rA rB", "A"),
        ("pA pB pC rA rC", "A"),
    ],
)
def test_rollback_is_read_as_undo(steps, expected):
    """The listing says which release a rollback left."""
    actions = {"p": "publish", "m": "promote", "r": "rollback"}
    assert version_before(log(*((actions[step[0]], step[1]) for step in steps.split()))) == expected


def test_rolling_back_again_and_again_always_ends(tmp_path, releases):
    """Whatever was done before, each rollback leads to another release, and the last says that there is none."""
    folders, versions = releases
    store = open_store(str(tmp_path / "store"))
    for folder in folders:
        store.publish(folder, "stable", "run")
    for version in (versions[0], versions[2], versions[1], versions[0]):
        store.append("stable", version, "promote", "to and fro")
    seen = [store.resolve("stable")]
    with pytest.raises(ReleaseError, match="pointed to nothing before"):
        while len(seen) < 20:
            seen.append(store.roll_back("stable", "again").entry.version)
    assert seen == [versions[number] for number in (0, 1, 2, 0, 2, 1, 0)]


def test_rollback_to_a_release_that_is_gone_is_refused(tmp_path, releases):
    """A channel never points to what nobody can load."""
    folders, versions = releases
    store = open_store(str(tmp_path / "store"))
    for folder in folders[:2]:
        store.publish(folder, "stable", "run")
    shutil.rmtree(tmp_path / "store/releases" / versions[0])
    with pytest.raises(ReleaseNotFoundError, match=versions[0]):
        store.roll_back("stable", "it lisps")
    assert store.resolve("stable") == versions[1]


def test_sizes_and_tables_are_short():
    """Rows fit a terminal."""
    assert [human_size(size) for size in (0, 999, 1000, 99_400, 99_600, 999_600, 123_456_789)] == [
        "0 B", "999 B", "1.0 kB", "99.4 kB", "100 kB", "1.0 MB", "123 MB",
    ]  # fmt: skip
    assert table(["A", "BB"], [["1", "2"], ["333", ""]]) == "A    BB\n1    2\n333"
    assert printable("a\n\tb\x1b") == "a b?"


LIST = """
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
from peewee_model.cli.main import main
main()
"""
HEAVY = {"torch", "numpy", "scipy", "librosa", "numba", "soundfile", "soxr", "boto3", "botocore", "safetensors", "tqdm",
         "num2words", "pandas", "pyarrow", "dvc", "pipeline", "yaml", "rich"}  # fmt: skip


def test_list_on_a_folder_loads_nothing_heavy(tmp_path):
    """What takes a second to import is imported by what uses it."""
    command = [sys.executable, "-c", LIST, "release", "list", "--store", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
    assert {"peewee_model", "typer", "pydantic"} <= loaded
    assert loaded.isdisjoint(HEAVY)


def test_release_commands_start_nearly_as_fast_as_what_they_are_made_of(tmp_path):
    """In a processor's time, the best of several by turns: the machine may be slow, or busy with other things."""
    compiled = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}

    def seconds(*command):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, capture_output=True, env=compiled)  # as pip compiles what it installs
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ours, theirs = [], []
    for _ in range(10):
        ours.append(seconds(SCRIPT, "release", "list", "--store", tmp_path))
        theirs.append(seconds(sys.executable, "-c", "import typer, pydantic; pydantic.BaseModel"))
        if min(ours) < 2.5 * min(theirs):
            return
    pytest.fail(f"release list took {min(ours)} s, an interpreter with typer and pydantic {min(theirs)} s")

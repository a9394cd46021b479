"""A store in a bucket, on real servers: Swift, and moto's where conditional writes must be atomic."""

import os
import socket
import subprocess
import sys
import threading

import pytest

from peewee_model.errors import (
    PeeweeError,
    ReleaseError,
    ReleaseNotFoundError,
    StoreUnavailableError,
    TamperedReleaseError,
)
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import FileEntry, hash_file
from peewee_model.store.store import open_store
from tests.servers import fault_proxy

MEBIBYTE = 2**20


@pytest.fixture
def swift_store(s3_bucket, monkeypatch):
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    return open_store(f"s3://{s3_bucket}/some/prefix")


@pytest.fixture
def moto_store(moto_bucket):
    return open_store(f"s3://{moto_bucket}/store")


@pytest.fixture
def big_release(bare_release, sign, as_safetensors):
    """A release with a file of several parts, and an empty one."""
    folder, _ = bare_release
    n_bytes = 20 * MEBIBYTE + 7
    header = {"w": {"dtype": "U8", "shape": [n_bytes], "data_offsets": [0, n_bytes]}}
    (folder / "vocoder/model.safetensors").write_bytes(as_safetensors(header, os.urandom(n_bytes)))
    (folder / "reports/empty.csv").write_bytes(b"")
    return folder, sign(folder)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def keys(server, bucket):
    return [item["Key"] for item in server.client().list_objects_v2(Bucket=bucket).get("Contents", ())]


def damage(server, bucket, key, data):
    server.client().put_object(Bucket=bucket, Key=key, Body=data)


@pytest.fixture
def requests_seen():
    """Names of the operations that any boto3 client of this process asks for."""
    seen = []
    from botocore.client import BaseClient

    original = BaseClient._make_api_call

    def record(self, operation, arguments):
        seen.append(operation)
        return original(self, operation, arguments)

    BaseClient._make_api_call = record
    yield seen
    BaseClient._make_api_call = original


def test_published_release_is_fetched_by_channel_and_by_version(swift_store, big_release):
    """Both addresses give the same files."""
    folder, version = big_release
    published, numbered = swift_store.publish(folder, "stable", "gate passed")
    assert (published, numbered.number) == (version, 1)
    assert swift_store.versions() == [version]
    assert swift_store.channels() == ["stable"]
    for selector in ("stable", version):
        found, found_version = swift_store.fetch(selector)
        assert found_version == version
        assert tree(found) == tree(folder)
    assert swift_store.verify(version).files.keys() == {name for name in tree(folder) if name != "manifest.json"}


def test_publishing_deletes_and_overwrites_nothing(moto_store, big_release, requests_seen):
    """A publisher needs no permission to delete."""
    moto_store.publish(big_release[0], "stable", "once")
    assert not [operation for operation in requests_seen if "Delete" in operation or "Abort" in operation]


def test_publishing_twice_sends_nothing_twice(moto_store, bare_release, requests_seen):
    """Files that are there are not uploaded again."""
    first = moto_store.publish(bare_release[0], "stable", "once")
    requests_seen.clear()
    assert moto_store.publish(bare_release[0], "stable", "twice") == first
    assert not {"PutObject", "CreateMultipartUpload"} & set(requests_seen)


def test_manifest_is_the_last_file_and_the_channel_comes_after(
    swift_store, swift, s3_bucket, big_release, requests_seen
):
    """A reader never sees a release that is not whole."""
    swift_store.publish(big_release[0], "stable", "once")
    writes = [operation for operation in requests_seen if operation in ("PutObject", "CompleteMultipartUpload")]
    assert writes[-2:] == ["PutObject", "PutObject"]
    assert "CompleteMultipartUpload" in writes[:-2]


def test_rerun_after_a_crash_sends_only_what_is_missing(swift_store, swift, s3_bucket, big_release, requests_seen):
    """A broken upload goes on."""
    folder, version = big_release
    swift_store.publish(folder, "stable", "once")
    prefix = f"some/prefix/releases/{version}"
    client = swift.client()
    for key in (f"{prefix}/manifest.json", f"{prefix}/MODEL_CARD.md"):
        client.delete_object(Bucket=s3_bucket, Key=key)
    requests_seen.clear()
    other = open_store(swift_store.address)
    assert not other.has_release(version)
    other.publish(folder, "stable", "again")
    assert requests_seen.count("PutObject") == 2
    assert "CreateMultipartUpload" not in requests_seen
    assert other.verify(version)


def test_object_of_another_content_is_sent_again(swift_store, swift, s3_bucket, bare_release):
    """A file of the same name and another hash is not the file."""
    folder, version = bare_release
    damage(swift, s3_bucket, f"some/prefix/releases/{version}/MODEL_CARD.md", b"# A voicE\n")
    swift_store.publish(folder, "stable", "once")
    assert swift_store.verify(version)


@pytest.mark.parametrize("name", ["MODEL_CARD.md", "vocoder/model.safetensors"])
def test_file_that_differs_from_its_manifest_is_not_published(swift_store, swift, s3_bucket, big_release, name):
    """The error comes before the upload."""
    folder, _ = big_release
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(TamperedReleaseError, match=name):
        swift_store.publish(folder, "stable", "once")
    assert not [key for key in keys(swift, s3_bucket) if key.endswith((name, "manifest.json"))]
    assert swift_store.channels() == []


def test_large_file_touched_while_it_is_sent_becomes_no_object(swift_store, swift, s3_bucket, big_release, monkeypatch):
    """Its hash was right when it was read, but nobody knows what was sent."""
    from peewee_model.store import s3_upload

    def hash_then_touch(path):
        found = hash_file(path)
        os.utime(path)
        return found

    monkeypatch.setattr(s3_upload, "hash_file", hash_then_touch)
    with pytest.raises(TamperedReleaseError, match="touched"):
        swift_store.publish(big_release[0], "stable", "once")
    assert not [key for key in keys(swift, s3_bucket) if key.endswith("vocoder/model.safetensors")]


@pytest.mark.parametrize("change", ["flip", "cut", "longer", "gone", "extra"])
def test_release_tampered_with_at_rest_is_named(swift_store, swift, s3_bucket, big_release, change):
    """A changed object is found by whoever fetches it."""
    folder, version = big_release
    swift_store.publish(folder, "stable", "once")
    name = "vocoder/model.safetensors"
    key = f"some/prefix/releases/{version}/{name}"
    data = (folder / name).read_bytes()
    if change == "gone":
        swift.client().delete_object(Bucket=s3_bucket, Key=key)
    elif change == "extra":
        name = "vocoder/more.json"
        damage(swift, s3_bucket, f"some/prefix/releases/{version}/{name}", b"{}")
    else:
        changed = {"flip": data[:-1] + b"!", "cut": data[:-1], "longer": data + b"!"}[change]
        damage(swift, s3_bucket, key, changed)
    with pytest.raises(TamperedReleaseError, match=name):
        swift_store.verify(version)
    if change not in ("extra", "longer"):
        with pytest.raises(PeeweeError, match=name):
            swift_store.fetch("stable")


def test_verify_reads_the_store_and_not_the_cache(swift_store, swift, s3_bucket, bare_release):
    """A good copy proves nothing about the store."""
    folder, version = bare_release
    swift_store.publish(folder, "stable", "once")
    swift_store.fetch(version)
    told = []
    swift_store.verify(version, progress=told.append)
    assert sum(told) == sum(len(data) for name, data in tree(folder).items() if name != "manifest.json")
    damage(swift, s3_bucket, f"some/prefix/releases/{version}/MODEL_CARD.md", b"# A voicE\n")
    assert swift_store.fetch(version)[1] == version
    with pytest.raises(TamperedReleaseError, match=r"MODEL_CARD\.md"):
        swift_store.verify(version)


def test_single_files_are_read_and_checked(swift_store, swift, s3_bucket, bare_release):
    """One file can be had without the whole release."""
    folder, version = bare_release
    swift_store.publish(folder, "stable", "once")
    assert swift_store.read_manifest(version).format == 1
    assert swift_store.read_file(version, "MODEL_CARD.md") == b"# A voice\n"
    with pytest.raises(ReleaseNotFoundError, match=r"features\.json"):
        swift_store.read_file(version, "features.json")
    damage(swift, s3_bucket, f"some/prefix/releases/{version}/MODEL_CARD.md", b"# A voicE\n")
    with pytest.raises(TamperedReleaseError, match=r"MODEL_CARD\.md"):
        swift_store.read_file(version, "MODEL_CARD.md")


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_features_are_added_once_and_read_back(kind, tmp_path, request, requests_seen):
    """Tables are kept by their hash."""
    store = open_store(str(tmp_path / "store")) if kind == "folder" else request.getfixturevalue("moto_store")
    files = {"utterances.parquet": tmp_path / "u", "mels/acoustic/part-00000.parquet": tmp_path / "m"}
    for number, path in enumerate(files.values()):
        path.write_bytes(os.urandom(9 * MEBIBYTE * number + 10))
    manifest = FeaturesManifest(files={name: hash_file(path) for name, path in files.items()})
    version = store.feature_tables.add(manifest, files)
    requests_seen.clear()
    assert store.feature_tables.add(manifest, files) == version == manifest.version
    assert not {"PutObject", "CreateMultipartUpload"} & set(requests_seen)
    assert store.feature_tables.read(version) == manifest
    for name, path in files.items():
        assert store.feature_tables.fetch(version, name).read_bytes() == path.read_bytes()
    with pytest.raises(ReleaseNotFoundError, match="speaker"):
        store.feature_tables.fetch(version, "mels/speaker/part-00000.parquet")
    with pytest.raises(ReleaseNotFoundError, match=f"it has: {version}"):
        store.feature_tables.read("0" * 16)


@pytest.mark.parametrize("name", ["../up.parquet", "/a.parquet", "a.pkl", "a/../b.parquet", "A.parquet"])
def test_feature_table_of_a_bad_name_is_refused(name):
    """A name with dots could leave the folder."""
    entry = FileEntry(sha256="0" * 64, size=1)
    with pytest.raises(ValueError, match=r"can't be a feature table|differ in case"):
        FeaturesManifest(files={name: entry, "a.parquet": entry})


# Who may win


def test_atomic_store_is_trusted_after_a_race(moto_store, bare_release):
    """The publisher need not be the only one there."""
    assert moto_store.publish(bare_release[0], "stable", "once")[1].number == 1


@pytest.mark.parametrize("round_", range(int(os.environ.get("T16_ROUNDS", "5"))))
def test_store_that_is_not_atomic_is_refused(s3_bucket, bare_release, round_):
    """T16."""
    store = open_store(f"s3://{s3_bucket}/{round_}")
    with pytest.raises(ReleaseError, match="PEEWEE_SINGLE_PUBLISHER=1") as caught:
        store.publish(bare_release[0], "stable", "once")
    assert "not atomic" in str(caught.value)
    assert store.versions() == []


def test_two_publishers_cannot_both_win(moto_store, bare_release):
    """One entry a number."""
    folder, version = bare_release
    moto_store.publish(folder, "stable", "start")
    stores = [open_store(moto_store.address) for _ in range(4)]
    threads = [
        threading.Thread(target=lambda store=store: [store.append("stable", version, "promote", "x") for _ in "12345"])
        for store in stores
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = moto_store.history("stable")
    assert [numbered.number for numbered in history] == list(range(1, 22))
    assert len({numbered.entry.nonce for numbered in history}) == 21


# Bad input: one line that names the thing and the remedy


def test_unknown_channel_or_version_lists_what_there_is(swift_store, bare_release):
    """The error shows what could be chosen."""
    with pytest.raises(ReleaseNotFoundError, match="no channel 'stable'; it has: none"):
        swift_store.fetch("stable")
    _, version = bare_release
    swift_store.publish(bare_release[0], "stable", "once")
    with pytest.raises(ReleaseNotFoundError, match="no channel 'beta'; it has: stable"):
        swift_store.fetch("beta")
    with pytest.raises(ReleaseNotFoundError, match=f"no release 0000000000000000; it has: {version}"):
        swift_store.fetch("0" * 16)


def test_half_published_release_is_named(swift_store, swift, s3_bucket, bare_release):
    """A release without its manifest."""
    folder, version = bare_release
    swift_store.publish(folder, "stable", "once")
    swift.client().delete_object(Bucket=s3_bucket, Key=f"some/prefix/releases/{version}/manifest.json")
    for selector in ("stable", version):
        with pytest.raises(ReleaseNotFoundError, match=f"{version} is only half there.* publish it again"):
            swift_store.fetch(selector)
    assert swift_store.versions() == []


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3://B", "s3://a", "s3://bucket/../up", "s3://bucket/a b", "s3:/bucket", "gs://bucket/x", "S3://bucket"],
)
def test_malformed_address_is_refused(address):
    """Before anything is sent."""
    with pytest.raises(ReleaseNotFoundError, match="s3://bucket/prefix"):
        open_store(address)


def test_secret_in_an_address_is_not_repeated():
    """An error ends up in a log."""
    with pytest.raises(ReleaseNotFoundError, match="AWS_SECRET_ACCESS_KEY") as caught:
        open_store("s3://key:hunter2@bucket/prefix")
    assert "hunter2" not in str(caught.value)


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("server", ["s3_bucket", "moto_bucket"])
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"AWS_ENDPOINT_URL": "closed"}, "can't be reached.*AWS_ENDPOINT_URL"),
        ({"AWS_ENDPOINT_URL": "no url"}, "AWS_ENDPOINT_URL"),
        ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not accept the credentials.*AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": "wrong"}, "does not accept the credentials.*AWS_SECRET_ACCESS_KEY"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "set AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": None}, "set AWS_ACCESS_KEY_ID"),
        ({"AWS_PROFILE": "absent"}, "absent.*AWS_PROFILE"),
    ],
)
def test_wrong_environment_is_one_line_with_the_remedy(server, environment, expected, request, monkeypatch):
    """Each variable that is wrong or missing is named."""
    bucket = request.getfixturevalue(server)
    if server == "moto_bucket" and "credentials" in expected:
        pytest.skip("moto accepts all credentials")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in environment.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, closed_port() if value == "closed" else value)
    with pytest.raises(ReleaseError, match=expected) as caught:
        open_store(f"s3://{bucket}/x").fetch("stable")
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, StoreUnavailableError) == ("reached" in expected)


@pytest.mark.parametrize("server", ["s3_bucket", "moto_bucket"])
def test_missing_bucket_is_named(server, request, bare_release, monkeypatch):
    """With its name, and not as a missing key."""
    request.getfixturevalue(server)
    store = open_store("s3://no-such-bucket/x")
    with pytest.raises(ReleaseNotFoundError, match=r"has no bucket 'no-such-bucket'; create it"):
        store.fetch("stable")
    for single in ("0", "1"):
        monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", single)
        with pytest.raises(ReleaseNotFoundError, match="no-such-bucket"):
            store.publish(bare_release[0], "stable", "once")


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_denied_access_is_named_with_the_operation(swift, s3_bucket, bare_release, monkeypatch, method):
    """So that the right permission is asked for."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")

    def deny(request):
        return fault_proxy.Fault.DENY if request.method == method else fault_proxy.Fault.NONE

    with fault_proxy.before(swift.endpoint, deny) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        with pytest.raises(ReleaseError, match=r"denies access to (List|Get|Put)Object(sV2)? \(AccessDenied\); ask"):
            open_store(f"s3://{s3_bucket}/x").publish(bare_release[0], "stable", "once")


def test_endpoint_that_is_no_s3_server_is_named(s3_bucket, monkeypatch):
    """A web server that answers 200 and a page to everything."""
    code = (
        "import http.server as h\n"
        "class A(h.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.send_header('Content-Length', '6'); self.end_headers()\n"
        "        self.wfile.write(b'<html>')\n"
        "s = h.HTTPServer(('127.0.0.1', 0), A); print(s.server_port, flush=True); s.serve_forever()"
    )
    server = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert server.stdout
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{int(server.stdout.readline())}")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        with pytest.raises(ReleaseError, match="AWS_ENDPOINT_URL"):
            open_store(f"s3://{s3_bucket}/x").fetch("stable")
    finally:
        server.kill()
        server.wait()


def test_opening_a_store_imports_no_boto3(tmp_path):
    """Only what is sent needs it."""
    code = (
        "from peewee_model.store.store import open_store; open_store('s3://bucket/x'); import sys; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"boto3", "botocore", "tqdm", "torch"}.isdisjoint(done.stdout.split())

"""The local cache of a remote store: shared content, several processes, damage, no room, no network."""

import errno
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from peewee_model.errors import ReleaseError, StoreUnavailableError
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import hash_file
from peewee_model.store.cache import ABANDONED_AFTER_S, Cache
from peewee_model.store.signing import SignatureError
from peewee_model.store.store import open_store


@pytest.fixture
def cache(s3_bucket, monkeypatch):
    """The cache's folder; publishing is allowed."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    return Path(os.environ["PEEWEE_CACHE"])


@pytest.fixture
def store(cache, s3_bucket, bare_release):
    """A store that holds one release."""
    store = open_store(f"s3://{s3_bucket}")
    store.publish(bare_release[0], "stable", "gate passed")
    return store


@pytest.fixture
def go_offline(monkeypatch):
    def go():
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    return go


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def flip(path):
    data = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_pinned_version_asks_no_network_and_a_channel_always_does(store, bare_release, go_offline):
    """A version can't change, a channel can."""
    version = bare_release[1]
    store.fetch("stable")
    go_offline()
    offline = open_store(store.address)
    assert tree(offline.fetch(version)[0]) == tree(bare_release[0])
    with pytest.raises(StoreUnavailableError, match="can't be reached"):
        offline.fetch("stable")


def test_use_of_the_cache_imports_no_boto3(store, bare_release):
    """It takes half a second to import."""
    store.fetch("stable")
    code = (
        "import sys; from peewee_model.store.store import open_store\n"
        f"open_store({store.address!r}).fetch({bare_release[1]!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert {"boto3", "botocore", "torch"}.isdisjoint(done.stdout.split())


def test_what_two_releases_share_is_fetched_once(store, cache, bare_release, sign, monkeypatch):
    """Files are kept by their hash."""
    folder, _ = bare_release
    other = folder.parent / "other"
    shutil.copytree(folder, other)
    (other / "MODEL_CARD.md").write_text("# Another voice\n")
    version = sign(other)
    store.publish(other, "beta", "another card")
    first, _ = store.fetch("stable")
    asked = []
    from peewee_model.store.s3 import S3Backend

    get = S3Backend.get

    def record(self, files, *arguments):
        asked.extend(files)
        return get(self, files, *arguments)

    monkeypatch.setattr(S3Backend, "get", record)
    second, _ = store.fetch("beta")
    assert asked == [f"releases/{version}/MODEL_CARD.md"]
    name = "encoder/model.safetensors"
    assert (first / name).samefile(second / name)
    assert tree(second) == tree(other)


@pytest.mark.parametrize("change", ["flip", "cut", "missing", "extra", "link", "manifest", "no manifest"])
def test_damaged_release_is_fetched_again_with_a_warning(store, bare_release, change, caplog):
    """A user gets a good release, and learns that the disk is not good."""
    folder, version = store.fetch("stable")
    weights = folder / "vocoder/model.safetensors"
    if change == "flip":
        flip(weights)
    elif change == "cut":
        weights.chmod(0o644)
        os.truncate(weights, 10)
    elif change == "missing":
        weights.unlink()
    elif change == "extra":
        (folder / "vocoder/more.json").write_text("{}")
    elif change == "link":
        weights.unlink()
        weights.symlink_to(folder / "encoder/model.safetensors")
    elif change == "manifest":
        flip(folder / "manifest.json")
    else:
        (folder / "manifest.json").unlink()
    again, _ = store.fetch(version)
    assert tree(again) == tree(bare_release[0])
    assert "damaged" in caplog.text or change == "no manifest"


def test_damage_that_cannot_be_repaired_is_named(store, cache, go_offline):
    """Without the store, the error says which file is damaged."""
    folder, version = store.fetch("stable")
    flip(folder / "vocoder/model.safetensors")
    go_offline()
    with pytest.raises(ReleaseError, match=r"vocoder/model\.safetensors.*it can't be got again.*can't be reached"):
        open_store(store.address).fetch(version)
    assert not Cache(cache).holds(version)


def test_copies_do_where_there_are_no_hard_links(store, bare_release, monkeypatch):
    """Some network file systems have no links; no file system of the test machine is one."""

    def refuse(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    folder, _ = store.fetch("stable")
    assert tree(folder) == tree(bare_release[0])


def test_what_a_killed_download_left_counts_for_nothing(store, cache, bare_release):
    """A part of a release is no release."""
    half = cache / "incoming" / "abandoned" / "release"
    half.mkdir(parents=True)
    (half / "manifest.json").write_text("{")
    store.fetch("stable")
    assert half.exists()  # it may be another process's
    os.utime(half.parent, times=(0, time.time() - ABANDONED_AFTER_S - 1))
    shutil.rmtree(cache / "releases")
    assert tree(store.fetch("stable")[0]) == tree(bare_release[0])
    assert not half.exists()
    assert not list((cache / "incoming").iterdir())


def _fetch(address, barrier):
    barrier.wait()
    for _ in range(3):
        open_store(address).fetch("stable")


@pytest.mark.system
def test_five_processes_fill_one_cache(store, cache, bare_release):
    """Each gets a whole release."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(5)
    readers = [context.Process(target=_fetch, args=(store.address, barrier)) for _ in range(5)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
        assert reader.exitcode == 0
    assert tree(store.fetch("stable")[0]) == tree(bare_release[0])
    assert not list((cache / "incoming").iterdir())


def test_threads_that_find_the_same_damage_all_get_a_good_release(store, bare_release):
    """They repair it once, and none reads the other's half."""
    folder, version = store.fetch("stable")
    flip(folder / "vocoder/model.safetensors")
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(open_store(store.address).fetch(version)[0])) for _ in "123"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert tree(folder) == tree(bare_release[0])


def test_cache_without_room_is_one_line(store, cache, bare_release, sign, tmp_path):
    """A file system of 1 MiB: seen before the download, and, if others fill it meanwhile, during it."""
    folder, _ = bare_release
    (folder / "reports/large.csv").write_bytes(os.urandom(3 * 2**20))
    version = sign(folder)
    store.publish(folder, "stable", "larger")
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", small], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        for lie in ("", "import shutil, types; shutil.disk_usage = lambda path: types.SimpleNamespace(free=10**12)\n"):
            code = (
                f"{lie}from peewee_model.store.store import open_store\n"
                f"open_store({store.address!r}).fetch({version!r})"
            )
            done = subprocess.run(
                [sys.executable, "-c", code],
                env=os.environ | {"PEEWEE_CACHE": str(small)}, capture_output=True, text=True, check=False,
            )  # fmt: skip
            line = done.stderr.strip().splitlines()[-1]
            assert "ReleaseError" in line
            assert f"the cache {small} has no room" in line
            assert "set PEEWEE_CACHE" in line
            assert not list((small / "incoming").iterdir())
            assert not (small / "releases").exists()
    finally:
        subprocess.run(["umount", small], check=True)


def test_cache_that_cannot_be_written_is_one_line(store, tmp_path, monkeypatch):
    """The error names `PEEWEE_CACHE`."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "file"))
    with pytest.raises(ReleaseError, match=r"can't be used.*PEEWEE_CACHE"):
        open_store(store.address).fetch("stable")


# Signatures


@pytest.fixture
def key_pair(tmp_path):
    return make_keys(tmp_path / "ours")


def make_keys(folder):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir()
    private, public = folder / "key.pem", folder / "key.pub"
    key = ec.generate_private_key(ec.SECP256R1())
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public.write_bytes(
        key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    return private, public


@pytest.mark.parametrize("kind", ["folder", "s3"])
def test_required_signature(kind, store, tmp_path, bare_release, key_pair, go_offline):
    """Absent: refused and said; there: accepted, and later without a network too; another key's: refused."""
    folder, version = bare_release
    if kind == "folder":
        store = open_store(str(tmp_path / "store"))
        store.publish(folder, "stable", "gate passed")
    private, public = key_pair
    with pytest.raises(SignatureError, match=r"not signed by .* but by nobody"):
        store.fetch("stable", public)
    store.publish(folder, "stable", "gate passed", signing_key=private)
    assert len(store.signatures(version)) == 1
    assert store.sign(version, private) in store.signatures(version)
    assert len(store.signatures(version)) == 1
    assert store.fetch("stable", public)[1] == version
    assert store.verify(version, public)
    _, stranger = make_keys(tmp_path / "theirs")
    with pytest.raises(SignatureError, match="not signed by"):
        store.fetch("stable", stranger)
    go_offline()
    assert open_store(store.address).fetch(version, public)[1] == version


def test_damaged_signature_in_the_cache_is_asked_for_again(store, cache, bare_release, key_pair):
    """It is not the release that is wrong."""
    private, public = key_pair
    store.publish(bare_release[0], "stable", "gate passed", signing_key=private)
    store.fetch("stable", public)
    (kept,) = (cache / "signatures" / bare_release[1]).iterdir()
    flip(kept)
    assert store.fetch("stable", public)[1] == bare_release[1]


def test_release_signed_by_someone_else_than_who_signed_the_bytes_is_refused(
    store, swift, s3_bucket, bare_release, sign, key_pair
):
    """A signature of another release, put in this one's place."""
    private, public = key_pair
    folder, version = bare_release
    store.publish(folder, "stable", "gate passed", signing_key=private)
    ((key_id, signature),) = store.signatures(version).items()
    (folder / "MODEL_CARD.md").write_text("# Another voice\n")
    other = sign(folder)
    store.publish(folder, "stable", "gate passed")
    swift.client().put_object(Bucket=s3_bucket, Key=f"signatures/{other}/{key_id}.json", Body=signature)
    with pytest.raises(SignatureError):
        store.fetch("stable", public)
    assert json.loads(signature)


def test_cloner_requires_the_signature_that_the_environment_or_its_caller_names(
    store, tmp_path, bare_release, key_pair, monkeypatch
):
    """The caller's word counts more; without a good signature no model is loaded."""
    from peewee_model import VoiceCloner

    private, public = key_pair
    _, stranger = make_keys(tmp_path / "theirs")
    store.publish(bare_release[0], "stable", "gate passed", signing_key=private)
    loaded = []
    monkeypatch.setattr(VoiceCloner, "_from_verified", lambda folder, *how: loaded.append(folder))
    monkeypatch.setenv("PEEWEE_PUBLIC_KEY", str(stranger))
    with pytest.raises(SignatureError):
        VoiceCloner.load(f"{store.address}@stable")
    assert not loaded
    VoiceCloner.load(f"{store.address}@stable", public_key=public)
    monkeypatch.setenv("PEEWEE_PUBLIC_KEY", str(public))
    VoiceCloner.load(f"{store.address}@stable")
    assert len(loaded) == 2


def test_bit_flipped_in_a_cached_feature_table_is_got_again(store, cache, tmp_path, caplog):
    """Its size is still right: it is compared by its hash, each time; the blob that it is a link to is damaged too."""
    table = tmp_path / "utterances.parquet"
    table.write_bytes(bytes(range(256)) * 100)
    manifest = FeaturesManifest(files={table.name: hash_file(table)})
    version = store.feature_tables.add(manifest, {table.name: table})
    kept = store.feature_tables.fetch(version, table.name)
    assert kept == cache / "features" / version / table.name
    flip(kept)
    assert store.feature_tables.fetch(version, table.name).read_bytes() == table.read_bytes()
    assert "found another; it is got again" in caplog.text
    caplog.clear()
    assert store.feature_tables.fetch(version, table.name).read_bytes() == table.read_bytes()
    assert caplog.text == ""

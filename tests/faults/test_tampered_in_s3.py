"""T11 through S3: what was changed in the bucket is refused before a tensor loads."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from peewee_model.cloning.cloner import VoiceCloner
from peewee_model.errors import ConfigError, ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.store.store import open_store
from tests.peewee_model import tamperings
from tests.peewee_model.releases import write_release
from tests.peewee_model.tamperings import FORGERIES, TAMPERINGS

pytestmark = pytest.mark.system

Tamper = Callable[[Path], str]

ON_A_DISK_ONLY = (
    tamperings.link_file_outside, tamperings.link_folder_outside, tamperings.link_manifest_outside,
    tamperings.put_fifo, tamperings.put_folder,
)  # fmt: skip
"""A bucket has neither links nor devices nor folders."""
ONE_TOO_MANY = (tamperings.add_file, tamperings.add_hidden_file)
"""A consumer gets what the manifest lists; these it never sees. `verify` names them."""
IN_A_BUCKET = [tamper for tamper in TAMPERINGS if tamper not in ON_A_DISK_ONLY]


@pytest.fixture
def release(tmp_path):
    return tmp_path / "release", write_release(tmp_path / "release")


@pytest.fixture
def no_tensors(monkeypatch):
    """Loading a tensor is a failure of its own kind."""

    def load(*arguments, **options):
        raise AssertionError("a tensor was loaded")

    monkeypatch.setattr("peewee_model.networks.weights.load_file", load)
    monkeypatch.setattr("safetensors.safe_open", load)


def put(client, bucket, prefix, folder, before):
    """Make the objects under a prefix equal to a folder, as somebody with the keys of the bucket could."""
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with ThreadPoolExecutor(8) as pool:
        for name, data in files.items():
            if before.get(name) != data:
                pool.submit(client.put_object, Bucket=bucket, Key=f"{prefix}/{name}", Body=data)
        for name in before.keys() - files.keys():
            pool.submit(client.delete_object, Bucket=bucket, Key=f"{prefix}/{name}")
    return files


def refused(store, name, cache, monkeypatch):
    """Why a new consumer is refused, who then has nothing of it in the cache; empty if not refused."""
    monkeypatch.setenv("PEEWEE_CACHE", str(cache))
    try:
        VoiceCloner.load(f"{store.address}@{name}")
    except (TamperedReleaseError, ReleaseNotFoundError) as error:
        assert not list(cache.glob("releases/*"))
        return str(error)
    return ""


def complaint(store, version):
    """What an auditor reads, whose every byte comes from the store."""
    try:
        store.verify(version)
    except ReleaseError as error:
        return str(error)
    return ""


@pytest.mark.usefixtures("no_tensors")
def test_release_tampered_with_in_the_bucket_is_refused(s3_bucket, swift, release, tmp_path, monkeypatch, at_most):
    """T11: what somebody without the version's consent could do."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    good, version = release
    store, client = open_store(f"s3://{s3_bucket}/store"), swift.client()
    store.publish(good, "stable", "gate passed")
    with pytest.raises(ConfigError):  # untouched, it passes, and fails only at the configs of models that are none
        VoiceCloner.load(f"{store.address}@stable")
    kinds = IN_A_BUCKET[:: at_most(3, 1)]
    prefix = f"store/releases/{version}"
    before = put(client, s3_bucket, prefix, good, {})
    for number, tamper in enumerate(kinds):
        folder = tmp_path / f"tampered-{number}" / "release"
        shutil.copytree(good, folder)
        name = tamper(folder)
        put(client, s3_bucket, prefix, folder, before)
        found = complaint(store, version)
        assert name in found or (tamper is tamperings.empty_manifest and found), f"{name}: {found}"
        if tamper in ONE_TOO_MANY:
            monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / f"cache-{number}"))
            fetched, _ = store.fetch("stable")
            assert not (fetched / name).exists()
        else:
            reason = refused(store, "stable", tmp_path / f"cache-{number}", monkeypatch)
            assert name in reason or tamper is tamperings.empty_manifest, f"{tamper.__name__}: {reason}"
            assert reason
        put(client, s3_bucket, prefix, good, dict.fromkeys(files_of(folder), b""))
    assert complaint(store, version) == ""
    print(f"T11 through S3: {len(kinds)} of {len(kinds)} tampered releases refused")


def files_of(folder):
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]


@pytest.mark.usefixtures("no_tensors")
def test_release_that_its_publisher_forged_is_refused(s3_bucket, swift, release, tmp_path, monkeypatch, at_most):
    """T11: the version is right, and the channel points to it."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    good, _ = release
    client, kinds = swift.client(), FORGERIES[:: at_most(8, 1)]
    for number, forgery in enumerate(kinds):
        check_forgery(f"s3://{s3_bucket}/{number}", client, good, forgery, tmp_path / str(number), monkeypatch)
    print(f"T11 through S3: {len(kinds)} of {len(kinds)} forged releases refused")


def check_forgery(address, client, good, forgery, scratch, monkeypatch):
    bucket, prefix = address.removeprefix("s3://").split("/")
    shutil.copytree(good, scratch / "release")
    version = forgery.make(scratch / "release")
    put(client, bucket, f"{prefix}/releases/{version}", scratch / "release", {})
    store = open_store(address)
    store.append("stable", version, "promote", "trust me")
    assert refused(store, "stable", scratch / "cache", monkeypatch), forgery.title
    assert complaint(store, version), forgery.title

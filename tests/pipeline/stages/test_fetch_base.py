"""The stage that gets the release that trainings start from."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from peewee_model.errors import ConfigError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.public_text import masked
from peewee_model.release.manifest import read_manifest
from peewee_model.release.verification import verify_release
from peewee_model.store.store import open_store
from pipeline.profiles.from_release import pin
from pipeline.stages.fetch_base import fetch_base
from pipeline.warm_start import BASE, RECORD, RELEASE
from tests.peewee_model.releases import write_release


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A project with a store of one release, to which `stable` points; its version."""
    monkeypatch.chdir(tmp_path)
    version = write_release(tmp_path / "made")
    open_store("store").publish(tmp_path / "made", "stable", "for a test")
    shutil.rmtree(tmp_path / "made")
    return version


def name_base(release, parts=()):
    Path("params.yaml").write_text(yaml.safe_dump({"base": {"release": release, "parts": list(parts)}}))


def test_named_release_is_copied_verified_and_written_down(published):
    """All of it, so that who comes later can ask it anything."""
    name_base(f"store@{published}", ["synthesizer"])
    fetch_base()
    record = json.loads(RECORD.read_text())
    assert record == {"release": f"store@{published}", "store": "store", "version": published}
    assert verify_release(RELEASE, published).models.keys() == {"encoder", "synthesizer", "vocoder"}


def test_without_a_release_there_is_a_record_that_says_so(published):
    """What an earlier run fetched is gone."""
    name_base(f"store@{published}")
    fetch_base()
    name_base(None)
    fetch_base()
    assert json.loads(RECORD.read_text()) == {"release": None}
    assert [path.name for path in BASE.iterdir()] == ["base.json"]


def test_channel_is_refused_and_the_version_it_means_is_told(published):
    """Otherwise the same parameters could make another release tomorrow."""
    name_base("store@stable")
    with pytest.raises(ConfigError, match=f"a channel.*store@{published}"):
        fetch_base()


def test_release_that_is_not_there_is_named(published):
    """With what there is."""
    name_base("store@0123456789abcdef")
    with pytest.raises(ReleaseNotFoundError, match=f"no release 0123456789abcdef; it has: {published}"):
        fetch_base()


def test_damaged_release_is_refused_and_leaves_no_record(published, tmp_path):
    """A byte of its weights is enough."""
    weights = tmp_path / "store/releases" / published / "encoder/model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    name_base(f"store@{published}")
    with pytest.raises(TamperedReleaseError, match=r"encoder/model\.safetensors"):
        fetch_base()
    assert not RECORD.exists()


@pytest.mark.parametrize(
    ("release", "parts", "problem"),
    [
        (None, ["encoder"], "parts names encoder, but release is null"),
        ("store@0123456789abcdef", ["vocoder", "vocoder"], "names a model twice"),
        ("store@0123456789abcdef", ["decoder"], "'decoder'"),
    ],
)
def test_contradictions_in_the_section_are_named(published, release, parts, problem):
    """Before anything is fetched."""
    name_base(release, parts)
    with pytest.raises(ConfigError, match=problem):
        fetch_base()


@pytest.mark.parametrize("place", ["", "/deep/prefix"])
def test_release_of_a_bucket_is_fetched_by_the_name_that_adapt_writes(published, moto_bucket, place):
    """As it is shown and published too: nothing in the name looks like a password."""
    address = f"s3://{moto_bucket}{place}"
    write_release(Path("made"))
    open_store(address).publish(Path("made"), "stable", "for a test")
    pinned = pin(f"{address}@stable")
    assert pinned.manifest == read_manifest(Path("made"))[0]
    assert masked(pinned.reference) == pinned.reference
    name_base(pinned.reference, ["encoder"])
    fetch_base()
    assert json.loads(RECORD.read_text()) == {
        "release": f"{address}@{published}", "store": address, "version": published,
    }  # fmt: skip
    verify_release(RELEASE, published)


def test_secret_in_the_name_of_a_base_is_not_repeated(published):
    """In no message."""
    name_base("s3://key:hunter2@bucket/prefix@stable")
    with pytest.raises(ReleaseNotFoundError) as caught:
        fetch_base()
    assert "hunter2" not in str(caught.value)

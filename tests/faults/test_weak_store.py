"""T16: a store whose put-if-absent is not atomic; and a publisher who may delete nothing."""

import pytest

from peewee_model.errors import ReleaseError
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import hash_file
from peewee_model.store.store import open_store
from tests.peewee_model.releases import write_release
from tests.servers import fault_proxy

pytestmark = pytest.mark.system


@pytest.fixture
def release(tmp_path):
    """One with a file that is sent in parts."""
    write_release(tmp_path / "release", text="# A voice\n" * 10**6)
    return tmp_path / "release"


def refusals(bucket, release, count):
    """How often a new publisher, each to a place of its own, is refused."""
    refused = 0
    for number in range(count):
        store = open_store(f"s3://{bucket}/{number}")
        try:
            store.publish(release, "stable", "gate passed")
        except ReleaseError as error:
            assert "not atomic" in str(error) and "PEEWEE_SINGLE_PUBLISHER=1" in str(error)
            assert store.channels() == store.versions() == []
            refused += 1
    return refused


def test_swift_is_detected(s3_bucket, release, at_most):
    """T16: 20/20."""
    count = at_most(3, 20)
    assert refusals(s3_bucket, release, count) == count
    print(f"T16: Swift detected {count}/{count}")


def test_store_that_ignores_conditions_is_detected(moto, moto_bucket, release, monkeypatch, at_most):
    """T16: 20/20."""
    count = at_most(3, 20)
    with fault_proxy.before(moto.endpoint) as proxy:
        proxy.ignore_conditions = True
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        assert refusals(moto_bucket, release, count) == count
    print(f"T16: a store that ignores conditions detected {count}/{count}")


def test_atomic_store_is_accepted(moto_bucket, release, at_most):
    """T16: 20/20, else the probe would cry wolf."""
    count = at_most(3, 20)
    assert refusals(moto_bucket, release, count) == 0
    print(f"T16: moto accepted {count}/{count}")


@pytest.mark.parametrize("kind", ["swift", "moto"])
def test_publisher_without_permission_to_delete_can_do_all(request, kind, release, monkeypatch, tmp_path):
    """A store whose keys may not delete is a safer store."""
    server = request.getfixturevalue(kind)
    bucket = request.getfixturevalue({"swift": "s3_bucket", "moto": "moto_bucket"}[kind])
    if kind == "swift":
        monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    tables = tmp_path / "utterances.parquet"
    tables.write_bytes(bytes(range(256)) * 50_000)
    write_release(tmp_path / "other", text="other")
    with fault_proxy.before(server.endpoint, fault_proxy.deny_delete) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        store = open_store(f"s3://{bucket}/store")
        version, _ = store.publish(release, "stable", "gate passed")
        other, _ = store.publish(tmp_path / "other", "stable", "better")
        store.append("stable", version, "rollback", "it lisps")
        features = store.feature_tables.add(
            FeaturesManifest(files={tables.name: hash_file(tables)}), {tables.name: tables}
        )
        assert store.resolve("stable") == version
        assert store.versions() == sorted([version, other])
        assert store.feature_tables.fetch(features, tables.name).read_bytes() == tables.read_bytes()
        assert store.verify(version)
        assert not proxy.faults, "nothing was even asked to be deleted"

"""The registry of a real MLflow server agrees with the channels of a store."""

import base64
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from peewee_model.release.manifest import hash_file
from peewee_model.store.store import open_store
from pipeline.tracking.registry import MODEL, RegistryError, requirements, sync, sync_if_tracked
from tests.closure import ROOT
from tests.servers.mlflow import client_of, free_port

EARLIER = "4dc087353bfb71f3"
"""A release that the channel pointed to before."""


@pytest.fixture
def store(tmp_path):
    """A copy of the store of examples."""
    shutil.copytree(ROOT / "examples/store", tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def server(mlflow_server, monkeypatch):
    """The server, for this process."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_server)
    return client_of(mlflow_server)


def release_of(client, channel):
    """The release that an alias points to."""
    return client.get_model_version_by_alias(MODEL, channel).tags["release"]


def peewee_tts(*arguments):
    """Run a command as a user does."""
    code = "from peewee_model.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.system
def test_alias_follows_the_channel(store, server):
    """Publish, promote and roll back; a second sync adds nothing."""
    release = open_store(str(store)).resolve("stable")
    agreed = sync(str(store))
    assert release_of(server, "stable") == release
    assert sync(str(store)) == agreed
    manifest = hash_file(store / "releases" / release / "manifest.json").sha256
    assert server.get_model_version_by_alias(MODEL, "stable").tags["manifest_sha256"] == manifest
    where = ["--store", str(store), "--channel", "stable", "--reason", "a test"]
    done = peewee_tts("release", "promote", EARLIER, *where)
    assert done.returncode == 0, done.stderr
    assert release_of(server, "stable") == EARLIER
    done = peewee_tts("release", "rollback", *where)
    assert done.returncode == 0, done.stderr
    assert release_of(server, "stable") == release
    assert len(server.search_model_versions(f"name = '{MODEL}' and tags.release = '{release}'")) == 1


@pytest.mark.system
def test_registered_model_speaks_and_holds_nothing_pickled(store, server, tmp_path):
    """It is code, and the release as it was published; a change of a byte is refused."""
    import mlflow

    sync(str(store))
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{MODEL}@stable", dst_path=str(tmp_path / "model")))
    assert not [path for path in folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".pth", ".pt", ".bin")]
    voice = mlflow.pyfunc.load_model(str(folder))
    reference = base64.b64encode((ROOT / "docs/samples/kathleen.flac").read_bytes()).decode()
    (said,) = voice.predict([{"text": "Good morning.", "reference": reference, "format": "flac"}])
    assert soundfile.info(io.BytesIO(base64.b64decode(said.audio))).duration == pytest.approx(said.duration_s)
    assert said.release == open_store(str(store)).resolve("stable")
    weights = next(folder.rglob("encoder/model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match=r"encoder/model\.safetensors"):
        mlflow.pyfunc.load_model(str(folder))


@pytest.mark.system
def test_a_server_that_is_down_stops_no_change_of_a_channel(store, monkeypatch, caplog):
    """The channel moves; a warning names the command that makes the registry agree later."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(RegistryError, match="peewee-tts mlflow sync"):
        sync(str(store))
    sync_if_tracked(str(store))
    assert "does not agree" in caplog.text


def test_nothing_happens_without_a_server(monkeypatch):
    """Not even a look into the store."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    sync_if_tracked("s3://nowhere/at-all")


def test_requirements_are_what_is_installed_here():
    """Each with its version; MLflow too, which serves."""
    found = requirements()
    assert all("==" in line for line in found)
    assert {"torch", "numpy", "mlflow"} <= {line.split("==")[0] for line in found}

"""A server follows its channel; requests end on the release with which they began."""

import asyncio
import os
import shutil

import pytest

from peewee_model.store.store import open_store
from tests.closure import ROOT
from tests.peewee_model.service.running import HELLO, SAMPLE, served, until

OLD = "4dc087353bfb71f3"


@pytest.fixture
def store(tmp_path):
    """A store of one's own with the releases of examples/store."""
    shutil.copytree(ROOT / "examples/store", tmp_path / "store", copy_function=os.link)
    return open_store(str(tmp_path / "store"))


def test_server_follows_its_channel_and_ends_what_it_began(tmp_path, store):
    """A speech that began before is of the old release to its end; the next one is of the new."""
    before = store.resolve("stable")
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": HELLO, "response_format": "wav"}
    with served(tmp_path / "v", release=f"{store.address}@stable", reload_s=0.05) as server, server.http() as http:
        plain = http.post("/v1/audio/speech", json=asked)
        assert plain.headers["x-peewee-release"] == before
        with http.stream("POST", "/v1/audio/speech", json=asked | {"input": f"{HELLO} " * 12}) as begun:
            store.append("stable", OLD, "promote", "a test")
            until(lambda: server.service.releases.engine.version == OLD)
            n_bytes = sum(map(len, begun.iter_bytes()))
        assert begun.headers["x-peewee-release"] == before
        assert n_bytes > 12 * 32_000
        after = http.post("/v1/audio/speech", json=asked)
        assert after.headers["x-peewee-release"] == OLD
        assert after.content != plain.content
        assert http.get("/readyz").json()["release"] == OLD
        assert f'peewee_release{{version="{OLD}"}} 1.0' in http.get("/metrics").text


def test_release_that_can_not_be_loaded_changes_nothing(tmp_path, store, caplog):
    """The old one goes on speaking, and the log says why."""
    with served(tmp_path / "v", release=f"{store.address}@stable") as server:
        before = server.service.releases.engine
        damaged = tmp_path / "store/releases" / OLD / "synthesizer/model.safetensors"
        content = bytearray(damaged.read_bytes())
        content[-1] ^= 1
        damaged.unlink()  # it is a link to the project's own
        damaged.write_bytes(content)
        store.append("stable", OLD, "promote", "a test")
        asyncio.run(server.service.releases.look())
        assert server.service.releases.engine is before
        assert f"reload=failed release_stays={before.version}" in caplog.text
        assert 'peewee_reloads_total{result="failed"} 1.0' in server.http().get("/metrics").text


def test_attentive_network_refuses_another_speed_by_name(tmp_path, store):
    """It has no durations; its own speed is spoken."""
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": "Hi.", "response_format": "wav"}
    with served(tmp_path / "v", release=f"{store.address}@{OLD}") as server, server.http() as http:
        network = server.service.releases.engine._speaker
        network.takes_pace = False  # as of a Tacotron 2; the examples hold none
        refused = http.post("/v1/audio/speech", json=asked | {"speed": 2.0})
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == "speed"
        assert http.post("/v1/audio/speech", json=asked | {"speed": 1.0}).status_code == 200
        assert SAMPLE.name not in refused.text

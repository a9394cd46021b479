"""One server for all tests that only ask; those that need other settings start their own."""

import pytest

from peewee_model.service.engine import Engine
from peewee_model.store.store import open_store
from tests.closure import ROOT
from tests.peewee_model.service.running import piece_of, served


@pytest.fixture(scope="session")
def engine():
    store = open_store(str(ROOT / "examples/store"))
    return Engine.fetch(store, store.resolve("stable"), "cpu")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    with served(tmp_path_factory.mktemp("voices")) as running:
        yield running


@pytest.fixture(scope="session")
def client(server):
    return server.client()


@pytest.fixture(scope="session")
def recordings(shared_data):
    """Parts of recordings of two people: `recordings("a", 0, 8)`."""
    files = {"a": "kathleen.flac", "b": "librispeech_1688.flac"}
    return lambda who, start_s, end_s: piece_of(shared_data / "references" / files[who], start_s, end_s)

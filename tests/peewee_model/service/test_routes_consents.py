"""Consents by HTTP: pages, and other names."""

import pytest

from peewee_model.service.engine import EMBEDDING
from peewee_model.service.voices import Consent
from tests.peewee_model.service.running import served


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """A server that holds five consents."""
    import torch

    with served(tmp_path_factory.mktemp("consents")) as server:
        for number in range(5):
            record = Consent(id=f"cons_{number:024x}", name=f"n{number}", language="en-US", created_at=number, owner="")
            server.service.store.add("consents", record, "0" * 16, {EMBEDDING: torch.ones(3)}, None)
        yield server


def test_pages_hold_every_consent_once(five):
    """The client goes from page to page by itself."""
    names = [one.name for one in five.client().audio.voice_consents.list(limit=2)]
    assert names == [f"n{number}" for number in range(5)]
    first = five.http().get("/v1/audio/voice_consents?limit=2").json()
    assert first["has_more"] is True
    assert first["last_id"] == f"cons_{1:024x}"


def test_name_is_changed_and_nothing_else(five):
    """As the client's `update` does."""
    client, name = five.client(), f"cons_{3:024x}"
    before = client.audio.voice_consents.retrieve(name)
    assert client.audio.voice_consents.update(name, name="other").name == "other"
    after = client.audio.voice_consents.retrieve(name)
    assert after == before.model_copy(update={"name": "other"})


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=" + "a" * 101])
def test_broken_page_is_refused(five, query):
    """In OpenAI's form."""
    answer = five.http().get(f"/v1/audio/voice_consents?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == query.partition("=")[0]

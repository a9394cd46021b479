"""The application as a whole: what it documents is what it has."""

import re

from tests.closure import ROOT


def test_every_route_is_documented(server):
    """docs/service.md names each path of the OpenAPI document."""
    text = (ROOT / "docs/service.md").read_text()
    for path in server.http().get("/openapi.json").json()["paths"]:
        assert re.sub(r"\{\w+\}", "{id}", path) in text, path


def test_openapi_document_describes_forms_and_files(server):
    """A client can be made from it."""
    document = server.http().get("/openapi.json").json()
    form = document["paths"]["/v1/audio/voices"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert set(form["required"]) == {"name", "consent", "audio_sample"}
    answers = document["paths"]["/v1/audio/speech"]["post"]["responses"]["200"]["content"]
    assert {"audio/mpeg", "audio/wav", "text/event-stream"} <= answers.keys()

"""Everything that the service says is marked, and its detector says so."""

import pytest

from peewee_model.errors import ConfigError
from peewee_model.service import formats
from peewee_model.service.formats import CONTENT_TYPES, check_marks
from tests.peewee_model.service.running import HELLO, served, wav_samples

LONGER = "Hello there, good people of the north. We have come a long way to see you all today."


def said(server, kind, **fields):
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": LONGER, "response_format": kind} | fields
    with server.http() as http:
        return http.post("/v1/audio/speech", json=asked)


def found(server, content):
    with server.http() as http:
        return http.post("/v1/audio/detect", files={"file": ("a", content)})


@pytest.mark.parametrize(
    ("kind", "stream"),
    [*((name, True) for name in CONTENT_TYPES if name != "pcm"), ("wav", False), ("flac", False), ("mp3", False)],
)
def test_all_that_is_said_is_marked(server, kind, stream):
    """Streams and whole files; Content Credentials are in whole files that can hold them."""
    answer = said(server, kind, stream=stream)
    assert answer.headers["x-peewee-marked"] == "true"
    report = found(server, answer.content).json()
    assert report["object"] == "audio.detection"
    assert report["synthetic"] and report["mark"]["marked"], report
    has_credentials = not stream and kind in ("wav", "mp3", "flac")
    assert (report["credentials"] is not None) == has_credentials
    assert not has_credentials or report["credentials"]["intact"]


def test_recordings_are_not_marked(server, recordings):
    """And what is no recording is an error."""
    report = found(server, recordings("a", 0, 8)).json()
    assert not report["synthetic"] and report["credentials"] is None
    refused = found(server, b"nothing")
    assert refused.status_code == 400
    assert refused.json()["error"]["param"] == "file"


def test_an_operator_switches_marks_off_by_name(tmp_path):
    """The header says so."""
    with served(tmp_path, mark_key=None) as server:
        answer = said(server, "wav", stream=False)
        assert answer.headers["x-peewee-marked"] == "false"
        assert not found(server, answer.content).json()["synthetic"]


def test_marks_change_little(server, tmp_path):
    """The samples are nearly those without a mark, and as many."""
    with served(tmp_path, mark_key=None) as plain:
        without, _ = wav_samples(said(plain, "wav", stream=False, input=HELLO).content)
    with_mark, _ = wav_samples(said(server, "wav", stream=False, input=HELLO).content)
    assert len(with_mark) == len(without)
    assert 0.0 < (with_mark - without).std() < 0.2 * without.std()


def test_a_server_that_can_not_mark_does_not_start(monkeypatch):
    """It never says anything unmarked by mistake."""
    check_marks("peewee-tts")
    monkeypatch.setattr(formats, "with_credentials", lambda content, name: content)
    with pytest.raises(ConfigError, match=r"can't mark .* --no-mark"):
        check_marks("peewee-tts")

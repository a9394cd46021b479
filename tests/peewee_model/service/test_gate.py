"""T25: what strangers send. Each is refused by name, and the server answers others meanwhile."""

import io
import json
import logging
import os
import re
import socket
import struct
import time
import zlib

import numpy as np
import pytest
import soundfile

from peewee_model.service.settings import Limits
from tests.peewee_model.service.running import HELLO, SAMPLE, served, until

GOOD = {"model": "peewee-tts", "voice": "kathleen", "input": HELLO}
HEALTH_S = 0.2 if os.environ.get("FAULTS") == "full" else 2.0
"""Beside other tests a machine is busy."""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """With short limits, so that the tests are short."""
    limits = Limits(body_s=0.6, json_bytes=100_000, upload_bytes=300_000, upload_s=10.0, decode_s=10.0)
    with served(tmp_path_factory.mktemp("voices"), limits=limits) as running:
        yield running


def raw(server, content):
    """Send bytes as they are, and return the status and the error's code."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(content)
        answer = b""
        while b"\r\n\r\n" not in answer or b"}}" not in answer.partition(b"\r\n\r\n")[2]:
            part = connection.recv(65536)
            if not part:
                break
            answer += part
    head, _, body = answer.partition(b"\r\n\r\n")
    code = re.search(rb'"code":\s?"(\w+)"', body)
    return int(head.split()[1]), code[1].decode() if code else None


def request(path="/v1/audio/speech", *headers, method="POST", host="localhost", kind="application/json"):
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", f"content-type: {kind}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def posted(body, path="/v1/audio/speech", *headers, **fields):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return request(path, f"content-length: {len(content)}", *headers, **fields) + content


def form(content, name="recording", extra=""):
    """A consent's form, by hand."""
    parts = [("name", b"A"), ("language", b"en"), (f'{name}"; filename="{extra or "a.wav"}', content)]
    body = b"".join(
        b'--b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (k.encode(), v) for k, v in parts
    )
    return posted(body + b"--b--\r\n", "/v1/audio/voice_consents", kind="multipart/form-data; boundary=b")


def with_number(field, digits):
    """Speech with a field as JSON's writers would not write it."""
    return posted(json.dumps(GOOD).replace("}", f', "{field}": {digits}}}').encode())


def flac_bomb():
    """More silence at 384 kHz than may be sent, in a few kilobytes."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(11 * 384_000, np.int16), 384_000, format="FLAC")
    assert len(buffer.getvalue()) < 30_000
    return buffer.getvalue()


def wav_of_4_gigabytes():
    header = struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16)
    return b"RIFF\xf0\xff\xff\xffWAVEfmt \x10\0\0\0" + header + b"data\xcc\xff\xff\xff" + bytes(100)


def many_channels():
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((100, 200), np.int16), 16000, format="WAV")
    return buffer.getvalue()


HOSTILE = {
    "says it has 1 GB": (lambda: request("/v1/audio/speech", "content-length: 1073741824"), 413, "request_too_large"),
    "sends 1 MB in chunks": (
        lambda: request("/v1/audio/speech", "transfer-encoding: chunked") + b"10000\r\n" + bytes(65536) + b"\r\n"
        + b"10000\r\n" + bytes(65536) + b"\r\n0\r\n\r\n", 413, "request_too_large",
    ),
    "sends less than it says": (
        lambda: request("/v1/audio/speech", "content-length: 500") + b"{", 408, "request_timeout",
    ),
    "never ends its chunks": (
        lambda: request("/v1/audio/speech", "transfer-encoding: chunked") + b"1\r\n{\r\n", 408, "request_timeout",
    ),
    "has a broken length": (lambda: request("/v1/audio/speech", "content-length: 12abc"), 400, None),
    "has a negative length": (lambda: request("/v1/audio/speech", "content-length: -1"), 400, None),
    "has two lengths": (lambda: request("/v1/audio/speech", "content-length: 1", "content-length: 2"), 400, None),
    "is no HTTP": (lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, None),
    "is no JSON": (lambda: posted(b"{'a': 1}"), 400, "invalid_json"),
    "is no UTF-8": (lambda: posted(b'{"input": "\xff\xfe"}'), 400, None),
    "is nested 40,000 deep": (lambda: posted(b"[" * 40_000), 400, None),
    "is a list": (lambda: posted([GOOD]), 400, None),
    "has a number of 5,000 digits": (lambda: with_number("seed", "9" * 4999), 400, None),
    "has no number for a speed": (lambda: with_number("speed", "NaN"), 400, None),
    "has half a character": (lambda: posted(GOOD | {"input": "\ud800"}), 400, None),
    "has half a character for a field": (lambda: posted(GOOD | {"\ud800": 1}), 400, None),
    "has a flood of pauses": (lambda: posted(GOOD | {"input": '<break time="9s"/>a' * 200}), 400, "unspeakable_text"),
    "is compressed": (
        lambda: posted(zlib.compress(json.dumps(GOOD).encode()), "/v1/audio/speech", "content-encoding: deflate"),
        400, None,
    ),
    "is text that a page may send": (lambda: posted(GOOD, kind="text/plain"), 400, None),
    "is a flood of fields": (
        lambda: posted(b"a=1&" * 20_000, "/v1/audio/voices", kind="application/x-www-form-urlencoded"),
        415, "unsupported_media_type",
    ),
    "has no boundary": (lambda: posted(b"--b", "/v1/audio/voices", kind="multipart/form-data"), 400, "invalid_form"),
    "is a form of 1,000 fields": (
        lambda: posted(
            b'--b\r\ncontent-disposition: form-data; name="name"\r\n\r\n1\r\n' * 1000 + b"--b--", "/v1/audio/voices",
            kind="multipart/form-data; boundary=b",
        ), 400, "invalid_form",
    ),
    "is a FLAC bomb": (lambda: form(flac_bomb()), 400, "too_long"),
    "is a WAV of 4 GB": (lambda: form(wav_of_4_gigabytes()), 400, "too_short"),
    "has 200 channels": (lambda: form(many_channels()), 400, "too_many_channels"),
    "names a path as its file": (lambda: form(b"x" * 100, extra="../../../etc/passwd"), 400, "unreadable"),
    "uploads too much": (lambda: form(bytes(400_000)), 413, "request_too_large"),
    "names a path as a voice": (lambda: request("/v1/audio/voices/..%2f..%2fetc", method="GET"), 404, None),
    "asks where nothing is": (lambda: request("/wp-login.php", method="GET"), 404, "not_found"),
    "asks as nobody may": (lambda: posted(GOOD, method="PUT"), 405, "method_not_allowed"),
    "asks by another machine's name": (
        lambda: request("/healthz", host="evil.example", method="GET"), 403, "wrong_host",
    ),
    "comes from another site": (
        lambda: posted(GOOD, "/v1/audio/speech", "origin: https://evil.example"), 403, "wrong_origin",
    ),
    "wants a socket": (
        lambda: request("/v1/realtime", "connection: upgrade", "upgrade: websocket", method="GET"), 404, "not_found",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_request_is_refused_by_name(server, kind):
    """A 4xx, in OpenAI's form wherever HTTP itself was understood; others are answered at once."""
    content, status, code = HOSTILE[kind]
    found_status, found_code = raw(server, content())
    assert found_status == status
    assert code is None or found_code == code
    with server.http() as http:
        started = time.monotonic()
        assert http.get("/healthz").status_code == 200
        assert time.monotonic() - started < HEALTH_S


def test_endless_header_is_ended(server):
    """The web server itself refuses it, before there is a request."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nx: ")
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            for _ in range(10_000):
                connection.sendall(b"a" * 10_000)


def test_slow_body_is_ended(server):
    """A byte now and then does not hold a place for ever."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request("/v1/audio/speech", "content-length: 5000"))
        started, answer = time.monotonic(), b""
        connection.settimeout(0.1)
        while not answer and time.monotonic() - started < 20:
            connection.sendall(b" ")
            try:
                answer = connection.recv(1000)
            except TimeoutError:
                continue
    assert answer.startswith(b"HTTP/1.1 408")
    assert time.monotonic() - started < 20


def test_client_that_vanishes_holds_nothing(server):
    """Before, while and after it is answered."""
    content = posted(GOOD | {"input": HELLO * 6})
    for read in (0, 1, 2000):
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.sendall(content)
            if read:
                connection.recv(read)
    until(lambda: server.service._speeches == 0)
    with server.http() as http:
        assert http.post("/v1/audio/speech", json=GOOD).status_code == 200


def test_one_request_more_than_may_be_made_is_sent_away(tmp_path):
    """429 with Retry-After, which the client obeys; the others are spoken."""
    with served(tmp_path, limits=Limits(requests=1)) as server, server.http() as http:
        with http.stream("POST", "/v1/audio/speech", json=GOOD | {"input": "Hello. " * 100}) as first:
            assert first.status_code == 200
            refused = http.post("/v1/audio/speech", json=GOOD)
            assert refused.status_code == 429
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error"]["type"] == "rate_limit_error"
        until(lambda: server.service._speeches == 0)
        assert http.post("/v1/audio/speech", json=GOOD).status_code == 200


def test_sentence_that_can_not_be_spoken_in_time_is_refused(tmp_path):
    """The queue's deadline is a 503 with Retry-After, before any sound is sent."""
    with served(tmp_path, limits=Limits(first_audio_s=0.0)) as server, server.http() as http:
        refused = http.post("/v1/audio/speech", json=GOOD)
        assert refused.status_code == 503
        assert "retry-after" in refused.headers
        assert refused.json()["error"]["type"] == "server_error"


def test_log_has_a_line_a_request_and_no_text(server, caplog):
    """What was said, by whom and in which voice is nobody's business."""
    caplog.set_level(logging.INFO, "peewee_model.service.gate")
    with server.http() as http:
        answer = http.post("/v1/audio/speech", json=GOOD | {"input": "The secret word is xylophone."})
    until(lambda: caplog.records)
    line = json.loads(caplog.records[-1].message)
    assert line["request"] == answer.headers["x-request-id"]
    assert (line["route"], line["status"], line["whole"]) == ("/v1/audio/speech", 200, True)
    assert line["characters"] == 29
    assert line["audio_s"] > 1
    assert "xylophone" not in caplog.text
    assert "kathleen" not in caplog.text


def test_fault_of_the_server_is_an_answer_without_details(server, monkeypatch, caplog):
    """The client reads the request's id; the log says where it was."""
    monkeypatch.setattr(server.service, "lexicon", None)
    with server.http() as http:
        answer = http.post("/v1/audio/speech", json=GOOD)
    assert answer.status_code == 500
    error = answer.json()["error"]
    assert (error["type"], error["code"]) == ("server_error", "internal_error")
    assert answer.headers["x-request-id"] in error["message"]
    assert "AttributeError" not in answer.text
    until(lambda: "fault=AttributeError" in caplog.text)
    assert SAMPLE.name not in answer.text

"""Speech by HTTP, as OpenAI's own client asks for it."""

import base64
import json

import av
import httpx2
import numpy as np
import openai
import pytest

from peewee_model.service.settings import Limits
from tests.peewee_model.service.running import HELLO, LONG, loud_s, served, until, wav_samples

TYPES = {
    "mp3": "audio/mpeg", "opus": "audio/ogg; codecs=opus", "aac": "audio/aac", "flac": "audio/flac",
    "wav": "audio/wav", "pcm": "audio/pcm; rate=24000; channels=1",
}  # fmt: skip


def said(client, text=HELLO, **fields):
    ours = {name: fields.pop(name) for name in ("seed", "lexicon", "timestamps", "stream") if name in fields}
    asked = {"model": "peewee-tts", "voice": "kathleen", "response_format": "wav"} | fields
    return client.audio.speech.with_raw_response.create(input=text, extra_body=ours, **asked)


def events_of(answer):
    lines = answer.content.decode().split("\n\n")
    assert lines.pop() == ""
    return [json.loads(line.removeprefix("data: ")) for line in lines]


def decoded(content, kind):
    """Samples and rate of a file, by FFmpeg; of pcm as OpenAI's clients take it."""
    if kind == "pcm":
        return np.frombuffer(content, "<i2") / 32768, 24000
    import io

    with av.open(io.BytesIO(content)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames)
    return samples / (32768 if samples.dtype.kind == "i" else 1), rate


@pytest.mark.parametrize("kind", TYPES)
def test_format_is_what_its_content_type_says_and_holds_the_whole_speech(client, kind):
    """The last sound is where it is in the WAV that is made as a whole."""
    reference, rate = wav_samples(said(client, stream=False).content)
    answer = said(client, response_format=kind)
    assert answer.headers["content-type"] == TYPES[kind]
    samples, found_rate = decoded(answer.content, kind)
    assert loud_s(samples, found_rate) == pytest.approx(loud_s(reference, rate), abs=0.12)
    assert len(samples) / found_rate >= len(reference) / rate - 0.001


def test_streamed_wav_of_one_sentence_has_the_samples_of_the_whole_file(client):
    """Its header states no length; the other states the true one, and has Content Credentials behind its samples."""
    streamed, whole = said(client), said(client, stream=False)
    assert streamed.headers.get("content-length") is None
    assert streamed.content[:44] != whole.content[:44]
    assert len(streamed.content) > 16_000
    assert whole.content[44:].startswith(streamed.content[44:])
    assert int.from_bytes(whole.content[40:44], "little") == len(streamed.content) - 44
    assert int(whole.headers["content-length"]) == len(whole.content)


def test_headers_name_seed_release_and_whether_it_was_cut_off(server, client):
    """A streamed text of several sentences is not yet known to be whole."""
    one, many = said(client, seed=7), said(client, "One. Two. Three.")
    assert one.headers["x-peewee-seed"] == "7"
    assert one.headers["x-peewee-release"] == server.service.releases.engine.version
    assert one.headers["x-peewee-truncated"] == "false"
    assert many.headers["x-peewee-truncated"] == "unknown"
    assert said(client, "One. Two. Three.", stream=False).headers["x-peewee-truncated"] == "false"
    assert one.headers["x-request-id"].startswith("req_")


def test_seed_varies_the_speech_and_repeats_it(client):
    """As `clone --seed` does."""
    first, again, other = (said(client, seed=seed).content for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("speed", [0.25, 0.5, 2.0, 4.0])
def test_speed_changes_the_length_and_nothing_is_cut_off(client, speed):
    """Durations are divided; tokens have a least one, so the fastest speech is not quite so fast."""
    plain, rate = wav_samples(said(client).content)
    answer = said(client, speed=speed, stream=False)
    samples, _ = wav_samples(answer.content)
    assert answer.headers["x-peewee-truncated"] == "false"
    ratio = loud_s(plain, rate) / loud_s(samples, rate)
    assert ratio == pytest.approx(speed, rel=0.35 if speed == 4 else 0.15)


def test_events_carry_the_file_and_end_with_what_was_used(client):
    """The parts together are a valid WAV."""
    events = events_of(said(client, "One. Two.", stream_format="sse"))
    assert [event["type"] for event in events[:-1]] == ["speech.audio.delta"] * (len(events) - 1)
    content = b"".join(base64.b64decode(event["audio"]) for event in events[:-1])
    assert len(wav_samples(content)[0]) > 8000
    done = events[-1]
    assert done["type"] == "speech.audio.done"
    assert done["usage"]["total_tokens"] == done["usage"]["input_tokens"] + done["usage"]["output_tokens"]
    assert done["truncated"] is False


@pytest.mark.parametrize("stream", [True, False])
def test_timestamps_are_of_each_word_and_where_it_sounds(client, stream):
    """They rise, lie within the speech, and between two sentences there is silence."""
    answer = said(client, "Good morning. Twelve eggs.", stream_format="sse", timestamps=True, stream=stream)
    events = events_of(answer)
    words = [word for event in events if event["type"] == "speech.audio.timestamps" for word in event["words"]]
    assert [word["word"] for word in words] == ["good", "morning", "twelve", "eggs"]
    content = b"".join(base64.b64decode(event["audio"]) for event in events if event["type"].endswith("delta"))
    samples, rate = wav_samples(content)
    times = [time for word in words for time in (word["start"], word["end"])]
    assert times == sorted(times)
    assert times[-1] <= len(samples) / rate
    before, after = words[1]["end"], words[2]["start"]
    middle = samples[round((before + 0.15) * rate) : round((after - 0.15) * rate)]
    assert len(middle) > 0.1 * rate
    assert np.abs(middle).max() < 0.02
    for word in words:
        assert np.abs(samples[round(word["start"] * rate) : round(word["end"] * rate)]).max() > 0.05


def test_lexicon_of_a_request_teaches_a_word(client):
    """By spelling and by phonemes; a request without it says the word as before."""
    plain = said(client, "I like SQL.").content
    spelled = said(client, "I like SQL.", lexicon={"SQL": "sequel"}).content
    assert spelled == said(client, "I like sequel.").content
    assert plain != spelled
    assert said(client, "I like SQL.", lexicon={"SQL": "{S IY1 K W AH0 L}"}).content != plain
    assert said(client, "I like SQL.").content == plain


def test_written_pause_is_made(client):
    """A second of it makes the speech a second longer."""
    plain, rate = wav_samples(said(client, "Good morning, all.").content)
    paused, _ = wav_samples(said(client, 'Good morning <break time="2s"/> all.').content)
    assert (len(paused) - len(plain)) / rate == pytest.approx(2.0, abs=0.5)


def test_voice_may_be_an_object(client):
    """As OpenAI's custom voices are."""
    assert said(client, voice={"id": "kathleen"}).content == said(client).content


@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"model": "gpt-4o-mini-tts"}, 404, "model_not_found", "model"),
        ({"voice": "alloy"}, 404, "voice_not_found", "voice"),
        ({"voice": "../../etc/passwd"}, 404, "voice_not_found", "voice"),
        ({"voice": {"name": "x"}}, 400, "string_type", "voice"),
        ({"speed": 5.0}, 400, "less_than_equal", "speed"),
        ({"speed": "fast"}, 400, "float_parsing", "speed"),
        ({"response_format": "midi"}, 400, "literal_error", "response_format"),
        ({"stream_format": "ws"}, 400, "literal_error", "stream_format"),
        ({"instructions": "Whisper."}, 400, "value_error", "instructions"),
        ({"text": ""}, 400, "string_too_short", "input"),
        ({"text": " \n "}, 400, "unspeakable_text", "input"),
        ({"text": "x" * 4097}, 400, "string_too_long", "input"),
        ({"text": 'a <break time="99s"/> b'}, 400, "unspeakable_text", "input"),
        ({"seed": -1}, 400, "greater_than_equal", "seed"),
        ({"timestamps": True}, 400, "invalid_request", "timestamps"),
        ({"lexicon": {"a": ""}}, 400, "unsupported_value", "lexicon"),
        ({"lexicon": {f"w{n}": "a" for n in range(201)}}, 400, "too_long", "lexicon"),
    ],
)  # fmt: skip
def test_mistake_is_named_in_openais_form(client, fields, status, code, param):
    """The client raises its own error with code, param and the request's id."""
    fields = dict(fields)
    with pytest.raises(openai.APIStatusError) as raised:
        said(client, fields.pop("text", HELLO), **fields)
    error = raised.value
    assert (error.status_code, error.code) == (status, code)
    assert error.param == param
    assert error.type == "invalid_request_error"
    assert error.request_id.startswith("req_")
    assert set(error.response.json()) == {"error"}


def test_models_are_listed_and_described(server, client):
    """The name that stays, and the release that speaks now."""
    names = [model.id for model in client.models.list()]
    assert names == ["peewee-tts", server.service.releases.engine.version]
    assert client.models.retrieve("peewee-tts").object == "model"
    with pytest.raises(openai.NotFoundError) as raised:
        client.models.retrieve("nobody")
    assert raised.value.code == "model_not_found"


def test_health_readiness_and_figures(server):
    """Figures hold no text and no voice."""
    with server.http() as http:
        said(server.client())
        assert http.get("/healthz").json() == {"status": "ok"}
        assert http.get("/readyz").json()["status"] == "ready"
        page = http.get("/metrics").text
        assert 'peewee_requests_total{method="POST",route="/v1/audio/speech",status="200"}' in page
        assert "peewee_first_audio_seconds_count" in page
        assert "kathleen" not in page
        document = http.get("/openapi.json").json()
        assert "/v1/audio/speech" in document["paths"]


def test_first_sound_comes_before_the_rest_is_spoken(server):
    """The first bytes of a long text arrive while most of its sentences wait."""
    client = server.client()
    spoken = server.service.metrics.sentences
    before = spoken._value.get()
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": LONG, "response_format": "pcm"}
    with client.audio.speech.with_streaming_response.create(**asked) as answer:
        parts = answer.iter_bytes(2048)
        next(parts)
        assert spoken._value.get() - before <= 3
        n_bytes = 2048 + sum(map(len, parts))
    assert spoken._value.get() - before == 12
    assert n_bytes / 48000 > 12


def test_work_stops_when_the_client_leaves(tmp_path):
    """Sentences that nobody waits for are not spoken, and the place is free at once."""
    with served(tmp_path) as server:
        asked = {"model": "peewee-tts", "voice": "kathleen", "input": LONG * 8, "response_format": "pcm"}
        with server.client().audio.speech.with_streaming_response.create(**asked) as answer:
            next(answer.iter_bytes(1024))
        until(lambda: server.service._speeches == 0)
        until(lambda: len(server.service.batcher) == 0)
        said(server.client())  # behind all that was asked for before
        assert server.service.metrics.sentences._value.get() < 48


def test_stream_that_can_not_be_ended_is_no_whole_file(tmp_path):
    """Its connection is broken off, so no client takes a part for the whole; events say so."""
    asked = {"model": "peewee-tts", "voice": "kathleen", "input": LONG * 8, "response_format": "pcm"}
    with served(tmp_path, limits=Limits(speech_s=0.4)) as server, server.http() as http:
        with pytest.raises(httpx2.RemoteProtocolError, match="incomplete"):
            http.post("/v1/audio/speech", json=asked)
        events = events_of(http.post("/v1/audio/speech", json=asked | {"stream_format": "sse"}))
        assert events[0]["type"] == "speech.audio.delta"
        assert (events[-1]["type"], events[-1]["error"]["code"]) == ("error", "unavailable")
        until(lambda: server.service._speeches == 0)
        assert http.get("/readyz").status_code == 200

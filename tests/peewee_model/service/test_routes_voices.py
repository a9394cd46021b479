"""Voices by HTTP, as OpenAI's own client sends them, with recordings of people."""

import openai
import pytest
import torch

from peewee_model.service.engine import EMBEDDING
from peewee_model.service.keys import new_key
from tests.peewee_model.service.running import HELLO, SAMPLE, piece_of, served


def consent(client, recording, **fields):
    return client.audio.voice_consents.create(name="Anna", language="en-US", recording=("c.wav", recording), **fields)


def bytes_on_disk(folder):
    return b"\0".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_voice_is_made_listed_spoken_with_and_deleted_with_every_byte(server, client, recordings):
    """A person reads a consent, then a sample; after DELETE nothing on the disk is of them."""
    folder = server.service.store.folder
    allowed = consent(client, recordings("a", 0, 8), extra_body={"keep_recording": "true"})
    assert allowed.id.startswith("cons_")
    assert allowed.object == "audio.voice_consent"
    sample = recordings("a", 10, 18)
    voice = client.audio.voices.create(name="Anna's voice", audio_sample=("s.wav", sample), consent=allowed.id)
    assert voice.object == "audio.voice"
    listed = server.http().get("/v1/audio/voices").json()
    assert {"kathleen", voice.id} == {one["id"] for one in listed["voices"]}
    assert listed["data"] == listed["voices"]
    speech = client.audio.speech.create(model="peewee-tts", voice={"id": voice.id}, input=HELLO, response_format="wav")
    assert len(speech.content) > 20_000

    record = folder / "voices" / voice.id
    engine = server.service.releases.engine
    tensors = server.service.store.tensors("voices", voice.id, engine.encoder_version)
    needles = [tensors[EMBEDDING].numpy().tobytes()[:64], b"Anna's voice", voice.id.encode()]
    assert all(needle in bytes_on_disk(folder) for needle in needles)
    assert sample[100:200] not in bytes_on_disk(folder), "the sample was not to be kept"
    assert {path.stat().st_mode & 0o777 for path in record.iterdir()} == {0o600}
    assert record.stat().st_mode & 0o777 == 0o700

    assert client.audio.voices.delete(voice.id).deleted
    assert not record.exists()
    assert not any(needle in bytes_on_disk(folder) for needle in needles)
    with pytest.raises(openai.NotFoundError) as raised:
        client.audio.speech.create(model="peewee-tts", voice=voice.id, input=HELLO)
    assert raised.value.code == "voice_not_found"

    kept = recordings("a", 0, 8)[1000:1100]
    assert kept in bytes_on_disk(folder)
    assert client.audio.voice_consents.delete(allowed.id).deleted
    assert kept not in bytes_on_disk(folder)
    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_voice_of_another_person_than_the_consent_is_refused_and_says_why(client, recordings):
    """The release's own threshold decides."""
    allowed = consent(client, recordings("a", 0, 8))
    with pytest.raises(openai.BadRequestError) as raised:
        client.audio.voices.create(name="B", audio_sample=("s.wav", recordings("b", 0, 8)), consent=allowed.id)
    assert raised.value.code == "consent_mismatch"
    assert raised.value.param == "audio_sample"
    assert "two people" in str(raised.value)
    assert client.audio.voice_consents.delete(allowed.id).deleted


def test_withdrawn_consent_takes_its_voices_with_it(server, client, recordings):
    """Whoever consented need not know what was made of it."""
    allowed = consent(client, recordings("a", 0, 8))
    voice = client.audio.voices.create(name="A", audio_sample=("s", recordings("a", 10, 18)), consent=allowed.id)
    client.audio.voice_consents.delete(allowed.id)
    assert server.http().get(f"/v1/audio/voices/{voice.id}").status_code == 404
    assert not (server.service.store.folder / "voices" / voice.id).exists()


def test_operators_voice_is_described_and_stays(server):
    """Nobody deletes it by HTTP."""
    with server.http() as http:
        assert http.get("/v1/audio/voices/kathleen").json()["name"] == "kathleen"
        refused = http.delete("/v1/audio/voices/kathleen")
    assert refused.status_code == 403
    assert refused.json()["error"]["code"] == "forbidden"


def test_each_key_has_its_own_voices(tmp_path, recordings):
    """Another key neither lists nor uses nor deletes them; without a key there is nothing."""
    keys = tmp_path / "keys"
    anna, bob = (new_key(keys, name) for name in ("anna", "bob"))
    with served(tmp_path / "voices", keys=keys) as server:
        ours, theirs = server.client(anna), server.client(bob)
        allowed = consent(ours, recordings("a", 0, 8))
        voice = ours.audio.voices.create(name="A", audio_sample=("s", recordings("a", 10, 18)), consent=allowed.id)
        for attempt in (
            lambda: theirs.audio.voices.delete(voice.id),
            lambda: theirs.audio.voice_consents.delete(allowed.id),
            lambda: theirs.audio.speech.create(model="peewee-tts", voice=voice.id, input=HELLO),
        ):
            with pytest.raises(openai.NotFoundError):
                attempt()
        assert [one.id for one in ours.audio.voice_consents.list()] == [allowed.id]
        assert list(theirs.audio.voice_consents.list()) == []
        with pytest.raises(openai.AuthenticationError) as raised:
            server.client("pw_wrong").models.list()
        assert raised.value.code == "invalid_api_key"
        with server.http() as http:
            assert http.get("/v1/models").status_code == 401
            assert http.get("/metrics").status_code == 401
            assert http.get("/healthz").status_code == 200


def test_likeness_compares_a_voice_with_those_that_its_owner_may_use(tmp_path, recordings):
    """The same person is the most alike; another key's voices are never compared, and no embedding is sent."""
    keys = tmp_path / "keys"
    anna, bob = (new_key(keys, name) for name in ("anna", "bob"))
    own_voices = (("kathleen", SAMPLE), ("unseen-0", SAMPLE.with_name("unseen-0.flac")))
    with served(tmp_path / "voices", keys=keys, own_voices=own_voices) as server:
        made = {}
        for key, who in ((anna, "a"), (bob, "b")):
            client = server.client(key)
            allowed = consent(client, recordings(who, 0, 8))
            sample = ("s.wav", recordings(who, 10, 18))
            made[who] = client.audio.voices.create(name=who, audio_sample=sample, consent=allowed.id).id
        with server.http(headers={"authorization": f"Bearer {anna}"}) as http:
            found = http.get(f"/v1/audio/voices/{made['a']}/likeness").json()
            others = http.get("/v1/audio/voices/unseen-0/likeness").json()
            refused = http.get(f"/v1/audio/voices/{made['b']}/likeness")
        engine = server.service.releases.engine
        voices = [server.service.releases.own_voice("kathleen", engine)]
        voices.append(server.service.store.tensors("voices", made["a"], engine.encoder_version))
        assert [one["id"] for one in found["data"]] == ["kathleen", "unseen-0"]
        assert found["data"][0]["likeness"] == pytest.approx(engine.likeness(*voices), abs=1e-4)
        assert found["one_person_above"] == engine.one_voice
        assert {tuple(one) for one in found["data"]} == {("id", "name", "likeness")}
        assert {one["id"] for one in others["data"]} == {"kathleen", made["a"]}
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "voice_not_found")
        (server.service.store.folder / "voices" / made["a"] / f"{engine.encoder_version}.safetensors").unlink()
        with server.http(headers={"authorization": f"Bearer {anna}"}) as http:
            assert [one["id"] for one in http.get("/v1/audio/voices/unseen-0/likeness").json()["data"]] == ["kathleen"]


def test_voice_of_another_encoder_is_embedded_again_where_its_recording_is_kept(tmp_path, recordings):
    """Without the recording, the answer says that it must be sent again."""
    with served(tmp_path) as server:
        client, store = server.client(), server.service.store
        engine = server.service.releases.engine
        allowed = consent(client, recordings("a", 0, 8))
        sample, kept = ("s.wav", recordings("a", 10, 18)), {"keep_recording": "true"}
        voices = [
            client.audio.voices.create(name="A", audio_sample=sample, consent=allowed.id, extra_body=body)
            for body in (None, kept)
        ]
        before = store.tensors("voices", voices[1].id, engine.encoder_version)
        for voice in voices:
            (store.folder / "voices" / voice.id / f"{engine.encoder_version}.safetensors").unlink()
        with pytest.raises(openai.ConflictError) as raised:
            client.audio.speech.create(model="peewee-tts", voice=voices[0].id, input=HELLO)
        assert raised.value.code == "voice_outdated"
        client.audio.speech.create(model="peewee-tts", voice=voices[1].id, input=HELLO)
        after = store.tensors("voices", voices[1].id, engine.encoder_version)
        assert torch.equal(before[EMBEDDING], after[EMBEDDING])


@pytest.mark.parametrize(
    ("fields", "files", "status", "code"),
    [
        ({}, {}, 415, "unsupported_media_type"),
        ({"consent": "cons_1"}, {"audio_sample": b"x"}, 400, "missing"),
        ({"name": "A", "consent": "cons_1"}, {"audio_sample": b"x"}, 404, "consent_not_found"),
        ({"name": "A", "consent": "cons_1", "type": "prompt"}, {"audio_sample": b"x"}, 400, "invalid_request"),
        ({"name": "A", "consent": "cons_1", "colour": "red"}, {"audio_sample": b"x"}, 400, "invalid_request"),
        ({"name": "A\u202eB", "consent": "cons_1"}, {"audio_sample": b"x"}, 400, "invalid_request"),
        ({"name": "A" * 5000, "consent": "cons_1"}, {"audio_sample": b"x"}, 400, "invalid_form"),
        ({"name": "A"}, {"recording": b"x"}, 400, "invalid_request"),
    ],
)
def test_broken_form_is_refused_by_its_field(server, fields, files, status, code):
    """In OpenAI's form, like every other mistake."""
    sent = {name: (name, content) for name, content in files.items()}
    answer = server.http().post("/v1/audio/voices", data=fields, files=sent or None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_recording_that_is_no_voice_is_refused_with_its_reason(server, client):
    """The reason codes are those of references."""
    tone = piece_of(SAMPLE, 0, 0.3)
    for content, code in ((b"not a sound", "unreadable"), (b"", "empty"), (tone[:44] + bytes(9600), "silent")):
        with pytest.raises(openai.BadRequestError) as raised:
            consent(client, content)
        assert raised.value.code == code
        assert raised.value.param == "recording"

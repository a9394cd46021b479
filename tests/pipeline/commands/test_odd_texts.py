import json
import logging
from pathlib import Path

import numpy as np
import pytest

from peewee_model.audio.clip import encode_flac
from peewee_model.cloning import cloner
from peewee_model.cloning.cloner import VoiceCloner
from peewee_model.cloning.speech import Speech
from peewee_model.errors import TextError
from pipeline.commands.odd_texts import CRASHED, main, speak_odd_texts
from tests.peewee_model.cloning.test_cloner import AT_ONCE, make_encoder, make_synthesizer, make_vocoder, voice

pytestmark = pytest.mark.filterwarnings("ignore::peewee_model.ReferenceWarning")
RECORDING = encode_flac(voice(2.0), 16000)


def test_odd_texts_are_spoken_or_refused_and_never_crash():
    """The whole way from text to samples, by models that stop at once: the path is the text's, whatever the weights."""
    tiny = VoiceCloner(make_encoder(), make_synthesizer(AT_ONCE), make_vocoder())
    outcomes = {outcome.text: outcome for outcome in speak_odd_texts(tiny, [RECORDING])}
    assert len(outcomes) == 200
    assert [item for item in outcomes.values() if item.what == "crashed"] == []
    spoken = (
        "a",
        "$5.99",
        "café naïve façade",
        "https://www.example.org/a/b?c=d&e=f#g",
        "x" * 600,
        "one sentence. " * 30,
    )
    for text in spoken:
        assert outcomes[text].what == "spoken", outcomes[text]
    for text in ("", "...", "你好", "😀", "a" * 100_001):
        assert outcomes[text].what == "refused" and outcomes[text].detail.startswith("TextError: "), outcomes[text]


class Voice:
    """Says each text by its name."""

    def embed_voice(self, reference):
        pass

    def clone(self, text, reference, seed=0):
        if text == "":
            raise TextError("nothing to say")
        if text == "7":
            raise ZeroDivisionError("seven")
        samples = np.full(16000, np.nan if text == "00" else 0.1, dtype=np.float32)
        return Speech(samples, 16000, text, (), text == "007")


def test_anything_but_speech_and_our_own_errors_is_a_crash(caplog):
    """Any other error counts."""
    caplog.set_level(logging.CRITICAL)
    outcomes = list(speak_odd_texts(Voice(), [RECORDING], ["", "7", "00", "007", "hi"]))
    assert [item.what for item in outcomes] == ["refused", "crashed", "crashed", "spoken", "spoken"]
    assert [item.truncated for item in outcomes] == [False, False, False, True, False]
    assert outcomes[1].detail == "ZeroDivisionError: seven"


def test_command_counts_and_fails_on_a_crash(tmp_path, monkeypatch, capsys):
    """The exit code is what a check reads."""
    monkeypatch.setattr(cloner.VoiceCloner, "load", lambda reference: Voice())
    (tmp_path / "voice.flac").write_bytes(RECORDING)
    arguments = ["--release", "store@stable", "--reference", str(tmp_path / "voice.flac")]
    assert main(arguments) == CRASHED
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {"n_texts": 200, "spoken": 197, "refused": 1, "crashed": 2, "truncated": 1}


@pytest.mark.parametrize(
    ("release", "recording", "detail"),
    [("nowhere@stable", "voice.flac", "nowhere"), ("store@stable", "absent.wav", "absent.wav can't be read")],
)
def test_command_says_what_it_can_not_use(tmp_path, monkeypatch, capsys, release, recording, detail):
    """In one line."""
    monkeypatch.chdir(tmp_path)
    Path("voice.flac").write_bytes(RECORDING)
    if release == "store@stable":
        monkeypatch.setattr(cloner.VoiceCloner, "load", lambda reference: Voice())
    assert main(["--release", release, "--reference", recording]) == 2
    assert detail in capsys.readouterr().err

"""What a file says of its origin, as users find it."""

import json

import numpy as np
import pytest
import soundfile

from peewee_model import environment
from peewee_model.cli.application import build
from peewee_model.cloning.marks import find_marks
from peewee_model.cloning.sound_file import FORMATS
from peewee_model.cloning.speech import Speech

KEY = environment.MARK_KEY.default


@pytest.fixture(scope="module")
def speech():
    """Four seconds of noise with the level of speech."""
    samples = np.random.default_rng(0).normal(scale=0.05, size=64_000).astype(np.float32)
    return Speech(samples, 16_000, "hello", (), truncated=False)


@pytest.mark.parametrize("ending", FORMATS)
def test_every_file_is_marked_unless_it_is_asked_otherwise(speech, ending, tmp_path):
    """In every format that is written, by name or in memory."""
    speech.save(tmp_path / f"a{ending}")
    speech.save(tmp_path / f"b{ending}", mark=False)
    marked, plain = (find_marks(tmp_path / f"{name}{ending}", name, KEY) for name in "ab")
    assert marked.mark.marked and marked.synthetic
    assert not plain.synthetic
    assert plain.credentials is None
    assert (marked.credentials is not None) == (ending in (".wav", ".flac", ".mp3"))
    assert find_marks(speech.encode(ending), "memory", KEY).mark.marked


def test_a_key_of_ones_own(speech, tmp_path, monkeypatch):
    """Is found by that key alone."""
    monkeypatch.setenv(environment.MARK_KEY.name, "secret")
    speech.save(tmp_path / "a.ogg")
    assert find_marks(tmp_path / "a.ogg", "a", "secret").synthetic
    assert not find_marks(tmp_path / "a.ogg", "a", KEY).synthetic


def test_the_command_tells_people_and_programs(speech, tmp_path, capsys):
    """Its exit code is that of grep: 1 if a file is not marked."""
    speech.save(tmp_path / "a.flac")
    soundfile.write(tmp_path / "b.wav", speech.samples, 16_000)

    def exit_code(*files):
        with pytest.raises(SystemExit) as ended:
            build()(["detect", *files])
        return ended.value.code

    assert exit_code(str(tmp_path / "a.flac")) == 0
    assert "marked from 0 to 4 s" in (said := capsys.readouterr().out) and "say that it is synthetic" in said
    assert exit_code("--json", str(tmp_path / "a.flac"), str(tmp_path / "b.wav")) == 1
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert [found[str(tmp_path / name)]["synthetic"] for name in ("a.flac", "b.wav")] == [True, False]
    assert err == "1 of 2 not marked as synthetic\n"

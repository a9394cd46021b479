"""The mini corpus: the same bytes each time, in LibriTTS's layout, held-out voices really other voices."""

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import wave
from pathlib import Path

import numpy as np
import pytest

from peewee_model.errors import ConfigError
from peewee_model.text.normalize.normalizer import normalize
from peewee_model.text.symbols.espeak import speak, variants
from pipeline.mini import corpus as mini
from pipeline.mini.sentences import HELD_OUT, held_out_sentences, training_sentences

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def archive():
    out = io.BytesIO()
    mini.write_archive("dev-clean", out)
    return out.getvalue()


@pytest.fixture(scope="module")
def members(archive):
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_archive_has_same_bytes_in_another_process_and_after_other_speech(archive):
    """Its SHA-256 is in params.yaml."""
    speak("Something else was said before.", voice="en-gb", variant="m1", pitch=40, rate=150)
    again = io.BytesIO()
    mini.write_archive("dev-clean", again)
    command = [sys.executable, "-m", "pipeline.mini", "dev-clean"]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    digests = {hashlib.sha256(data).hexdigest() for data in (archive, again.getvalue(), other)}
    assert len(digests) == 1


def test_archive_is_laid_out_as_libritts(members):
    """The same reader reads both."""
    wavs = sorted(name for name in members if name.endswith(".wav"))
    assert len(wavs) == 160
    for name in wavs:
        root, subset, speaker, chapter, file = name.split("/")
        parts = file.removesuffix(".wav").split("_")
        assert (root, subset, parts[:2]) == ("LibriTTS", "dev-clean", [speaker, chapter])
        assert len(parts) == 4 and all(len(part) == 6 for part in parts[2:])
        assert all(part.isdecimal() for part in parts)
        stem = name.removesuffix(".wav")
        assert members[f"{stem}.normalized.txt"].strip() and members[f"{stem}.original.txt"].strip()
    lines = members["LibriTTS/speakers.tsv"].decode().splitlines()
    assert lines[0] == "READER\tGENDER\tSUBSET\tNAME"
    assert {name.split("/")[2] for name in wavs} <= {line.split("\t")[0] for line in lines}
    assert "LibriTTS/SPEAKERS.txt" in members


def test_licence_says_that_the_speech_is_synthetic(members):
    """Nobody may take it for recordings."""
    assert b"SYNTHETIC" in members["LibriTTS/LICENSE.txt"]


def test_utterances_are_audible_short_and_unclipped(members):
    """What ingest would refuse is not in it."""
    for name, data in members.items():
        if name.endswith(".wav"):
            with wave.open(io.BytesIO(data)) as reader:
                assert (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, 22_050)
                samples = np.frombuffer(reader.readframes(reader.getnframes()), dtype="<i2")
            assert 1.0 < len(samples) / 22_050 < 4.0, name
            assert mini.PEAK - 2 <= np.abs(samples.astype(int)).max() <= mini.PEAK, name


def test_held_out_voices_use_no_variant_of_the_training_voices():
    """Else a test voice would be known."""
    train = {voice.variant for voice in mini.VOICES if voice.subset == mini.TRAIN}
    held_out = [voice.variant for voice in mini.VOICES if voice.subset == mini.HELD_OUT]
    assert len(held_out) == len(set(held_out)) == 10
    assert not train & set(held_out)
    assert train | set(held_out) <= set(variants())


def test_voices_are_at_least_sixteen_and_no_two_alike():
    """The encoder has enough of them to tell apart."""
    settings = {(voice.accent, voice.variant, voice.pitch) for voice in mini.VOICES}
    assert len(settings) == len(mini.VOICES) == len({voice.speaker_id for voice in mini.VOICES}) >= 16


def test_held_out_sentences_are_read_by_held_out_voices_only():
    """Else a test text would be known."""
    unseen = {spoken for _, spoken in held_out_sentences()}
    read = {subset: {reading.sentence[1] for reading in mini.plan(subset)} for subset in (mini.TRAIN, mini.HELD_OUT)}
    assert unseen == set(HELD_OUT)
    assert not unseen & read[mini.TRAIN]
    assert unseen <= read[mini.HELD_OUT]
    assert read[mini.HELD_OUT] - unseen <= read[mini.TRAIN]


def test_every_sentence_as_printed_normalises_to_what_is_spoken():
    """Text and speech agree."""
    for printed, spoken in [*training_sentences(), *held_out_sentences()]:
        assert normalize(printed).lower() == normalize(spoken)  # espeak-ng is given letters as small words


def test_unknown_subset_is_an_error_that_names_the_subsets():
    """The error shows what could be chosen."""
    with pytest.raises(ConfigError, match=r"test-other.*train-clean and dev-clean"):
        list(mini.plan("test-other"))


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 200_001])
def test_stored_gzip_is_read_back_by_gzip(size):
    """It is a gzip file, though nothing is compressed."""
    data = bytes(index * 7 % 251 for index in range(size))
    out = io.BytesIO()
    file = mini.StoredGzip(out)
    for start in range(0, size, 70_000):
        file.write(data[start : start + 70_000])
    file.close()
    assert gzip.decompress(out.getvalue()) == data

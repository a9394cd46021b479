import re
import sys
import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import soundfile

from peewee_model import Clip, ReferenceWarning, VoiceCloner
from peewee_model.audio.clip import resample
from peewee_model.cli import main as cli
from peewee_model.cloning.reference_checks import figures_of, measured
from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip
from tests.peewee_model.cloning.sounds import NO_SPEECH, RATE
from tests.peewee_model.cloning.test_cloner import voice
from tests.peewee_model.cloning.test_speech_measures import with_noise

STORE = Path(__file__).parents[3] / "examples" / "store"


@pytest.fixture(scope="module")
def cloner():
    return VoiceCloner.load(f"{STORE}@stable")


@pytest.fixture(scope="module")
def people(shared_data):
    """Of each of four people, 16 s."""
    found = {}
    for path in sorted((shared_data / "references").glob("*.flac")):
        clip = read_clip(path)
        found[path.stem] = resample(clip.samples, clip.sample_rate, RATE)[: 16 * RATE]
    return found


def doubts_of(samples, rate=RATE):
    return figures_of([measured(Clip(samples, rate), "me.wav")], None, None).doubts


def wide(seconds):
    """The made-up voice, with hisses up to 7 kHz."""
    samples, time = voice(seconds), np.arange(round(seconds * RATE)) / RATE
    hiss = np.random.default_rng(0).normal(0, 0.02, len(time)) * np.maximum(-np.sin(8 * np.pi * time) - 0.1, 0)
    return (samples + hiss).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["tone of 440 Hz", "melody of 4 notes/s", "white noise", "hum of 50 Hz", "10 clicks/s", "drums"]
)
@pytest.mark.parametrize("form", ["clip", "array", "file"])
def test_reference_that_is_no_speech_is_refused_with_its_figures(cloner, tmp_path, name, form):
    """Whatever it is given as; also as one of several, which is named."""
    samples = NO_SPEECH[name].astype(np.float32)
    path = tmp_path / "me.wav"
    soundfile.write(path, samples, RATE)
    source = {"clip": Clip(samples, RATE), "array": (samples, RATE), "file": path}[form]
    for reference in (source, [Clip(wide(4.0), RATE), source]):
        with pytest.raises(AudioError, match=r"is no speech but .*; give a recording of someone who speaks") as caught:
            cloner.embed_voice(reference)
        assert caught.value.reason == "no_speech"
        assert str(caught.value).startswith(str(path) if form == "file" else "reference ")


def test_short_recordings_are_judged_together():
    """One of them alone is too short to be judged."""
    tone = NO_SPEECH["tone of 440 Hz"].astype(np.float32)[: RATE // 2]
    short = [measured(Clip(tone, RATE), f"{number}.wav") for number in range(3)]
    with pytest.raises(AudioError, match="the reference is no speech"):
        figures_of(short, None, None)
    spoken = [measured(Clip(piece, RATE), "me.wav") for piece in np.split(voice(2.4), 3)]
    assert figures_of(spoken, None, None).speech_s > 1


def test_good_reference_has_no_doubts():
    """Of the made-up voice with a wide band."""
    assert doubts_of(wide(6.0)) == ()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda x: with_noise(x, 8), r"me\.wav is noisy: speech is [789] dB above the noise"),
        (lambda x: resample(x, RATE, 8000), r"of a narrow band: speech reaches [34]\d{3} Hz"),
        (lambda x: resample(resample(x, RATE, 8000), 8000, RATE), r"of a narrow band: speech reaches [34]\d{3} Hz"),
        (lambda x: np.clip(3 * x, -0.9, 0.9), r"me\.wav: \d+\.\d\d% of it is clipped"),
        (lambda x: x[: 2 * RATE], r"the reference holds 1\.\d s of speech; 3 s or more"),
    ],
    ids=["noise", "8 kHz", "a phone's band", "clipping", "few seconds"],
)
def test_doubtful_reference_is_doubted_with_its_figure(change, found):
    """One reason, with what was measured and the remedy."""
    samples = change(wide(9.0)).astype(np.float32)
    rate = 8000 if len(samples) == 9 * 8000 else RATE
    (doubt,) = doubts_of(samples, rate)
    assert re.search(found, doubt)


def test_narrow_band_is_doubted_beside_noise():
    """A sample rate of 8 kHz is known, however noisy it is."""
    narrow = resample(with_noise(wide(9.0), 8), RATE, 8000)
    assert [("noisy" in one, "narrow" in one) for one in doubts_of(narrow, 8000)] == [(True, False), (False, True)]


def test_figures_of_several_recordings_are_the_worst_and_the_sum():
    """Each recording's own are looked at."""
    clips = [Clip(wide(4.0), RATE), Clip(0.1 * with_noise(wide(3.0), 10), RATE)]
    one, other = (measured(clip, "me.wav") for clip in clips)
    both = figures_of([one, other], 0.7, None)
    assert both.speech_s == pytest.approx(one.measures.speech_s + other.measures.speech_s)
    assert both.snr_db == other.measures.snr_db < one.measures.snr_db
    assert both.loudness_lufs == other.loudness_lufs < one.loudness_lufs - 10
    assert both.halves_cosine == 0.7
    assert both.clipped_fraction == 0


def test_people_have_figures_and_no_doubts(cloner, people):
    """What a clone returns; recordings of a studio and of volunteers."""
    for samples in people.values():
        with warnings.catch_warnings():
            warnings.simplefilter("error", ReferenceWarning)
            figures = cloner.clone("Hi.", (samples, RATE)).reference
        assert figures.doubts == ()
        assert 8 < figures.speech_s <= 16
        assert figures.snr_db > 15
        assert figures.bandwidth_hz >= 6000
        assert -60 < figures.loudness_lufs < -5
        assert figures.halves_cosine > 0.5


def test_two_people_are_noticed(cloner, people):
    """One after the other, taking turns, in two recordings: every pair whom the encoder itself tells apart."""
    voices = {name: cloner.embed_voice((samples, RATE)) for name, samples in people.items()}
    pairs = [pair for pair in combinations(people, 2) if float(voices[pair[0]] @ voices[pair[1]]) < 0.45]
    assert len(pairs) >= 5
    for one, other in ((people[name] for name in pair) for pair in pairs):
        turns = [half for halves in zip(np.split(one, 2), np.split(other, 2), strict=True) for half in halves]
        joined = np.concatenate([one[: 8 * RATE], other[: 8 * RATE]])
        for reference in ((joined, RATE), (np.concatenate(turns), RATE), [(one, RATE), (other, RATE)]):
            with pytest.warns(ReferenceWarning, match=r"seems to hold two people: .* of likeness -?0\.\d\d"):
                cloner.embed_voice(reference)


def test_release_without_a_threshold_looks_for_no_second_person(cloner, people):
    """A cosine says nothing without the encoder's own scale."""
    one, other = list(people.values())[:2]
    unscaled = VoiceCloner(cloner._encoder, *synthesizer_and_vocoder())
    with warnings.catch_warnings():
        warnings.simplefilter("error", ReferenceWarning)
        unscaled.embed_voice([(one, RATE), (other, RATE)])


def synthesizer_and_vocoder():
    from peewee_model.store.store import open_store
    from peewee_model.synthesizer.factory import load_synthesizer
    from peewee_model.vocoder.factory import load_vocoder

    folder, _ = open_store(str(STORE)).fetch("stable", None)
    return load_synthesizer(folder / "synthesizer"), load_vocoder(folder / "vocoder")


def test_command_line_prints_each_doubt_once(tmp_path, monkeypatch, capfd):
    """On stderr, in plain lines: no warning of Python's with a path of ours in it."""
    soundfile.write(tmp_path / "me.wav", with_noise(wide(2.5), 10), RATE)
    arguments = ["clone", "--release", f"{STORE}@stable", "--reference", str(tmp_path / "me.wav"), "--text", "Hi."]
    monkeypatch.setattr(sys, "argv", ["peewee-tts", *arguments, "--out", str(tmp_path / "hi.wav")])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert not caught.value.code
    errors = capfd.readouterr().err
    assert errors.count("is noisy: speech is") == errors.count("s of speech; 3 s or more") == 1
    assert "Warning" not in errors

import tarfile
from functools import cache
from itertools import islice

import numpy as np
import pytest

from peewee_model.audio.clip import resample, trim_silence
from peewee_model.cloning.speech_measures import RATE, SPEECH_RANGES, Nature, measure
from peewee_model.recordings.reading import read_clip
from peewee_model.text.symbols.espeak import speak
from tests.peewee_model.cloning.sounds import NO_SPEECH, noise
from tests.peewee_model.cloning.test_cloner import voice

CORPORA = {"libritts-human": 2, "speechocean": 8, "kathleen": 10}
"""Corpora, and of how many recordings one is taken."""
MOST_REFUSED = 0.005


def phone(samples):
    return resample(resample(samples, RATE, 8000), 8000, RATE)


@cache
def long_noise(slope):
    return noise(slope, 60.0)


def with_noise(samples, snr_db, slope=0.0):
    sound = long_noise(slope)[: len(samples)].copy()
    sound *= np.sqrt(np.mean(np.square(samples)) / np.mean(np.square(sound))) * 10 ** (-snr_db / 20)
    return (samples + sound).astype(np.float32)


@pytest.fixture(scope="module")
def recordings(shared_data):
    """People's recordings at 16 kHz: lists, of each speaker."""
    found = {}
    for corpus, every in CORPORA.items():
        for path in sorted((shared_data / corpus).glob("*.tar.gz")):
            with tarfile.open(path) as archive:
                members = (one for one in archive if one.name.endswith((".wav", ".flac")))
                for member in islice(members, 0, None, every):
                    clip = read_clip(archive.extractfile(member).read())
                    samples, _ = trim_silence(clip.samples, clip.sample_rate, top_db=40, margin_s=0.05)
                    speaker = f"{corpus} {member.name.split('/')[2]}"
                    found.setdefault(speaker, []).append(resample(samples, clip.sample_rate, RATE))
    return found


@pytest.fixture(scope="module")
def long_enough(recordings):
    return [one for own in recordings.values() for one in own if len(one) >= RATE]


@pytest.mark.parametrize("name", NO_SPEECH)
def test_other_sounds_are_no_speech(name):
    """At any level, from 2 s on."""
    samples = NO_SPEECH[name].astype(np.float32)
    for changed in (samples, 0.01 * samples, samples[: 2 * RATE], phone(samples)):
        if np.abs(changed).max() > 1e-3 * np.abs(samples).max():  # 6 kHz is not there at 8 kHz
            assert not measure(changed).nature.is_speech


CHANGES = {
    "untouched": lambda x: x, "quiet": lambda x: 0.01 * x, "8 kHz": phone,
    "white noise at 20 dB": lambda x: with_noise(x, 20), "pink noise at 20 dB": lambda x: with_noise(x, 20, 1),
    "pauses": lambda x: np.concatenate([x, np.zeros(RATE, np.float32), x]),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_people_are_speech(long_enough, change):
    """Less than one of 200 recordings is refused, whatever a recorder did to it."""
    refused = [not measure(CHANGES[change](samples)).nature.is_speech for samples in long_enough]
    assert len(refused) > 300
    assert np.mean(refused) < MOST_REFUSED


def test_longer_references_of_people_are_speech(recordings):
    """All recordings of a person together."""
    together = [np.concatenate(own) for own in recordings.values() if len(own) > 1]
    assert len(together) > 20
    assert all(measure(samples).nature.is_speech for samples in together)


@pytest.mark.parametrize("variant", ["m1", "f2", "f5"])
def test_synthetic_speech_is_speech(variant):
    """The mini corpus speaks so."""
    samples, rate = speak(
        "The quick brown fox jumps over it, lazily.", voice="en-us", variant=variant, pitch=50, rate=160
    )
    assert measure(resample((samples / 32768).astype(np.float32), rate, RATE)).nature.is_speech


@pytest.mark.parametrize("slope", [0.0, 1.0])
@pytest.mark.parametrize("snr_db", [5, 10, 15])
def test_noise_is_measured_as_it_was_mixed(slope, snr_db):
    """Within 2.5 dB; the made-up voice alone is above 20 dB."""
    samples = voice(8.0)
    assert measure(samples).snr_db > 20
    assert measure(with_noise(samples, snr_db, slope)).snr_db == pytest.approx(snr_db, abs=2.5)


def test_noise_of_people_is_measured_as_it_was_mixed(long_enough):
    """Of recordings that had little of their own."""
    clean = [samples for samples in long_enough if measure(samples).snr_db > 28][:60]
    assert len(clean) > 20
    found = [measure(with_noise(samples, 15)).snr_db for samples in clean]
    assert np.median(found) == pytest.approx(15, abs=2)


def test_bandwidth_is_where_speech_ends(long_enough):
    """Of 16 kHz, and of what had 8 kHz on its way."""
    wide = [measure(samples).bandwidth_hz for samples in long_enough]
    narrow = [measure(phone(samples)).bandwidth_hz for samples in long_enough]
    assert np.mean(np.array(wide) < 5000) < MOST_REFUSED
    assert max(narrow) <= 4250


def test_pauses_are_no_seconds_of_speech():
    """Zeros, and faint noise."""
    samples = voice(3.0)
    assert 1.5 < measure(samples).speech_s <= 3.0
    for pause in (np.zeros(5 * RATE, np.float32), 1e-4 * noise(0, 5).astype(np.float32)):
        assert 1.5 < measure(np.concatenate([samples, pause])).speech_s <= 3.2


@pytest.mark.parametrize("n_samples", [1, 100, 1024, 1025, 16_000])
def test_any_length_has_figures(n_samples):
    """None of them NaN; silence too."""
    for samples in (voice(2.0)[1000 : 1000 + n_samples], np.zeros(n_samples, np.float32)):
        found = measure(samples)
        assert np.isfinite([found.speech_s, found.snr_db, found.bandwidth_hz, *found.nature]).all()
    assert not measure(np.zeros(n_samples, np.float32)).nature.is_speech


def test_level_changes_no_figure_of_its_nature():
    """A quiet recording is as much speech as a loud one."""
    loud, quiet = measure(voice(4.0)), measure(0.01 * voice(4.0))
    np.testing.assert_allclose(quiet.nature, loud.nature, atol=0.05)
    assert quiet.bandwidth_hz == loud.bandwidth_hz


def test_ranges_are_those_of_the_fields():
    """Each measure has one; one that is not a number is odd."""
    assert tuple(SPEECH_RANGES) == Nature._fields
    assert Nature(*[float("nan")] * len(Nature._fields)).odd() == list(Nature._fields)

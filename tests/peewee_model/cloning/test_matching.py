"""What is said is brought nearer to a reference, and to nothing else."""

import math

import numpy as np
import pytest
import torch

from peewee_model.audio.clip import Clip
from peewee_model.audio.loudness import level
from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.cloning.matching import VoiceMatch, VoiceMatcher
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from tests.peewee_model.vocoder.test_source_filter import source_filter

MEL = MelConfig(
    sample_rate=16000, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, f_min=50.0, f_max=7600.0, log_floor=1e-3
)
FLOOR = math.log(1e-3)


def sounds(seconds, tilt, spread, seed=0):
    """Noise whose loudness moves, and whose spectrum falls by `tilt` nepers towards half the rate."""
    random = np.random.default_rng(seed)
    n = round(seconds * 16000)
    spectrum = np.fft.rfft(random.normal(size=n)) * np.exp(-tilt * np.linspace(0, 1, n // 2 + 1))
    loudness = np.repeat(np.exp(spread * random.normal(size=n // 800 + 1)), 800)[:n]
    samples = np.fft.irfft(spectrum, n=n) * loudness
    return level((0.3 * samples / np.abs(samples).max()).astype(np.float32), 16000, -23.0)


def mel_of(samples):
    return torch.from_numpy(log_mel(samples, MEL))


def griffin_lim():
    config = GriffinLimConfig(arch="griffin_lim", mel=MEL, n_iterations=2, momentum=0.9, n_inversion_updates=4)
    return GriffinLim(config)


def matched(reference, said, vocoder=None, language="en-us"):
    matcher = VoiceMatcher(vocoder or griffin_lim(), language)
    return matcher.match(lambda sentences: [mel_of(said) for _ in sentences], [Clip(reference, 16000)])


def test_means_and_deviations_of_bands_become_the_references():
    """By 60 s of it nearly wholly; without a match they are far apart."""
    reference, said = sounds(60, tilt=4.0, spread=0.5), sounds(20, tilt=1.0, spread=0.25, seed=1)
    wanted, before = mel_of(reference), mel_of(said)
    after = matched(reference, said).mel(before, FLOOR)
    shape = [values.mean(1) - values.mean() for values in (wanted, before, after)]
    assert (shape[1] - shape[0]).abs().mean() > 0.5
    assert (shape[2] - shape[0]).abs().mean() < 0.1
    assert (before.std(1) / wanted.std(1)).mean() < 0.9
    assert (after.std(1) / wanted.std(1)).mean() == pytest.approx(1.0, abs=0.06)


def test_level_of_the_reference_does_not_count():
    """A soft recording is the same voice."""
    reference, said = sounds(20, 4.0, 0.5), sounds(20, 1.0, 0.25, seed=1)
    loud, soft = (matched(gain * reference, said) for gain in (1.0, 0.1))
    torch.testing.assert_close(loud.shift, soft.shift, atol=0.05, rtol=0)
    torch.testing.assert_close(loud.scale, soft.scale, atol=0.05, rtol=0)


def test_little_speech_changes_little():
    """A second of it says less of a voice than a minute."""
    said = sounds(20, 1.0, 0.25, seed=1)
    short, long = (matched(sounds(seconds, 4.0, 0.5), said).shift.abs().mean() for seconds in (0.5, 60))
    assert 0.1 * long < short < 0.5 * long


def test_pauses_stay_silent():
    """Nothing is raised where nothing is said."""
    said = sounds(20, 1.0, 0.25, seed=1)
    mel = torch.cat((mel_of(said), torch.full((80, 30), FLOOR)), dim=1)
    changed = matched(sounds(20, -2.0, 0.5), said).mel(mel, FLOOR)
    assert (changed[:, -30:] == FLOOR).all()
    assert (changed >= FLOOR).all()


@pytest.mark.parametrize("reference", [np.zeros(16000, dtype=np.float32), np.zeros(0, dtype=np.float32)])
def test_nothing_heard_is_matched_to_nothing(reference):
    """No figure is made of silence that would change what is said by much, or not be a number."""
    match = matched(reference, sounds(5, 1.0, 0.25))
    assert match is None or torch.isfinite(match.mel(mel_of(sounds(5, 1.0, 0.25)), FLOOR)).all()


def test_language_without_sentences_is_left_as_it_is():
    """Nothing is said to be compared."""
    assert matched(sounds(5, 4.0, 0.5), sounds(5, 1.0, 0.25), language="de") is None
    assert matched(sounds(5, 4.0, 0.5), sounds(5, 1.0, 0.25), language="en-gb") is not None


def test_no_match_is_the_vocoder_itself():
    """To the bit."""
    vocoder, mel = source_filter(MEL), mel_of(sounds(1, 1.0, 0.25))
    assert np.array_equal(VoiceMatcher(vocoder, "en").synthesize(mel, None), vocoder.synthesize(mel))


def test_pitch_is_scaled_about_its_mean_and_stays_within_limits():
    """Unvoiced frames stay unvoiced."""
    ones = torch.ones(80)
    match = VoiceMatch(ones, 0 * ones, 0 * ones, torch.tensor([2.0, math.log(100), math.log(1.5)]))
    found = match.hertz(np.array([0.0, 100.0, 110.0, 400.0]), 60.0, 500.0)
    np.testing.assert_allclose(found, [0.0, 150.0, 150.0 * 1.1**2, 500.0], rtol=1e-6)


def test_pitch_that_is_rendered_is_the_matched_one(monkeypatch):
    """The network reads the pitch out of what was said; the vocoder renders the changed one."""
    vocoder, mel = source_filter(MEL), mel_of(sounds(1, 1.0, 0.25))
    rendered = []
    monkeypatch.setattr(vocoder, "track", lambda mel: np.full(mel.shape[1], 100.0))
    monkeypatch.setattr(vocoder, "render", lambda mel, pitch: rendered.append(pitch) or torch.zeros(4))
    ones = torch.ones(80)
    match = VoiceMatch(ones, 0 * ones, 0 * ones, torch.tensor([1.0, math.log(100), math.log(1.5)]))
    VoiceMatcher(vocoder, "en").synthesize(mel, match)
    np.testing.assert_allclose(rendered[0], 150.0)

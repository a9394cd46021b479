import copy
import math

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from peewee_model.audio.mel import MelConfig, log_mel, mel_frequencies
from pipeline.training.encoder.augmentation import Augmentation, SpeakerAugmentation
from pipeline.training.encoder.partial_utterances import Cuts, PartialUtterances, SpeakerMels
from pipeline.training.loop.ragged import Ragged
from tests.pipeline.training.encoder.test_learner import ALL, OFF

MEL = MelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=40, f_min=20, f_max=7600, log_floor=1e-3
)
DB = math.log(10) / 20


def augmented(mels, seed=1, **changes):
    settings = copy.deepcopy(OFF)
    for name, change in changes.items():
        settings[name] = settings[name] | change if isinstance(change, dict) else change
    return SpeakerAugmentation(Augmentation.model_validate(settings), MEL)(mels, seed)


def speech(n_items=64, n_frames=60):
    """Bands at -2 nepers with some life in them."""
    return torch.randn(n_items, 40, n_frames, generator=torch.Generator().manual_seed(0)) * 0.5 - 2


def power_db(mels):
    """All bands, mean over time. (B,)"""
    return 10 * torch.log10(torch.exp(2 * mels).sum(dim=1).mean(dim=1))


def test_band_cuts_what_a_telephone_cuts():
    """From 400 Hz to 3.2 kHz all stays, to the bit; far outside, at most a slope's worth is left."""
    mels = speech()
    cut = augmented(mels, band={"probability": 1.0, "slope_min_db": 48.0, "slope_max_db": 48.0})
    frequencies = mel_frequencies(MEL.n_mels + 2, MEL.f_min, MEL.f_max)[1:-1]
    inside = torch.from_numpy((frequencies > 400) & (frequencies < 3200))
    assert torch.equal(cut[:, inside], mels[:, inside])
    lost = (mels - cut).amax(dim=2) / DB
    assert lost[:, 0].max() > 48  # more than an octave below the highest cut
    assert 30 < lost[:, -1].max() < 48 * math.log2(7600 / 3200)


def test_all_switches_off_change_nothing():
    """Not a bit, and not a copy."""
    mels = speech()
    assert augmented(mels) is mels


SWITCHES = [
    {"reverberation": {"probability": 1.0}}, {"babble": {"probability": 1.0}}, {"noise": {"probability": 1.0}},
    {"band": {"probability": 1.0}}, {"equalizer_db": 6.0}, {"gain_db": 6.0}, {"masks": {"n_time": 1}},
    {"masks": {"n_frequency": 1}}, ALL,
]  # fmt: skip


@pytest.mark.parametrize("changes", SWITCHES, ids=lambda changes: "+".join(changes))
def test_each_switch_is_a_function_of_the_seed(changes):
    """Twice the same seed, twice the same bits; another seed, others; each item its own; never under the floor."""
    mels = speech()
    kept = mels.clone()
    first, again, other = (augmented(mels, seed, **changes) for seed in (7, 7, 8))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, mels)
    assert torch.equal(mels, kept)
    assert torch.isfinite(first).all()
    assert first.min() >= math.log(1e-3)
    same = augmented(speech(1).expand(8, -1, -1), 7, **changes)
    if "babble" not in changes or changes is ALL:  # babble of one's own voice is that voice, louder
        assert len({item.numpy().tobytes() for item in same}) > 1


@pytest.mark.parametrize("tilt", [0.0, 40.0])
def test_noise_is_as_loud_as_asked(tilt):
    """10 dB of SNR: the power of what was added is a tenth of the speech's, whatever its colour."""
    mels = speech()
    noisy = augmented(mels, noise={"probability": 1.0, "snr_min_db": 10.0, "snr_max_db": 10.0, "max_tilt_db": tilt})
    added = torch.exp(2 * noisy) - torch.exp(2 * mels)
    ratio = 10 * torch.log10(added.sum(dim=1).mean(dim=1))
    torch.testing.assert_close(power_db(mels) - ratio, torch.full((64,), 10.0), atol=0.6, rtol=0)


def test_noise_flickers_as_the_power_of_gaussian_noise_does():
    """In each band, deviation over mean is that of the mel power of white noise that was really made."""
    samples = np.random.default_rng(0).normal(size=16000 * 60).astype(np.float32)
    real = np.exp(2 * log_mel(samples, MEL)[:, 2:-2])
    loud = {"probability": 1.0, "snr_min_db": -60.0, "snr_max_db": -60.0, "max_tilt_db": 0.0}
    made = torch.exp(2 * augmented(torch.zeros(1, 40, 6000), noise=loud))[0].numpy()
    spread_real, spread_made = (power.std(axis=1) / power.mean(axis=1) for power in (real, made))
    assert np.abs(np.log(spread_made / spread_real)).mean() < 0.2


def test_babble_is_as_loud_as_asked_and_made_of_the_others():
    """15 dB of SNR; a band in which no voice of the batch speaks stays silent."""
    mels = speech()
    mels[:, 5] = -6.0
    mixed = augmented(mels, babble={"probability": 1.0, "snr_min_db": 15.0, "snr_max_db": 15.0})
    added = torch.exp(2 * mixed) - torch.exp(2 * mels)
    ratio = 10 * torch.log10(added.sum(dim=1).mean(dim=1))
    torch.testing.assert_close(power_db(mels) - ratio, torch.full((64,), 15.0), atol=0.3, rtol=0)
    assert mixed[:, 5].max() < -5.8


def test_probability_is_the_share_that_is_changed():
    """A quarter of many."""
    mels = speech(2000, 4)
    changed = (augmented(mels, noise={"probability": 0.25}) - mels).abs().amax(dim=(1, 2)) > 1e-3
    assert changed.float().mean() == pytest.approx(0.25, abs=0.04)


def test_reverberation_decays_by_60_db_in_the_time_asked_for():
    """A click with no direct sound: in the lowest band, the level falls along a line of 60 dB in 0.3 s."""
    click = torch.full((4, 40, 40), -6.5)
    click[:, :, 5] = 6.0
    room = {"rt60_min_s": 0.3, "rt60_max_s": 0.3, "direct_min_db": -90.0, "direct_max_db": -90.0}
    level_db = augmented(click, reverberation=room | {"probability": 1.0}) / DB
    fall = (level_db[:, 0, 5] - level_db[:, 0, 20]) / 15
    torch.testing.assert_close(fall, torch.full((4,), 60 / 0.3 * 0.01), atol=0.02, rtol=0)
    faster = level_db[:, -1, 5] - level_db[:, -1, 20]
    assert (faster >= 15 * (fall - 0.02)).all()
    assert (faster <= 15 * 2 * (fall + 0.02)).all()


def test_reverberation_keeps_the_direct_share_and_the_level():
    """10 dB of direct over the decay; a steady sound is as loud as it was."""
    room = {"probability": 1.0, "rt60_min_s": 0.1, "rt60_max_s": 0.1, "direct_min_db": 10.0, "direct_max_db": 10.0}
    steady = augmented(torch.zeros(2, 40, 100), reverberation=room)
    torch.testing.assert_close(steady, torch.zeros(2, 40, 100), atol=1e-4, rtol=0)
    click = torch.full((2, 40, 60), -6.5)
    click[:, :, 5] = 6.0
    power = torch.exp(2 * augmented(click, reverberation=room))
    decay = 10 ** (-6 * 0.01 / 0.1)  # lowest band
    direct = power[:, 0, 5] - power[:, 0, 6] / decay
    torch.testing.assert_close(direct / math.exp(12), torch.full((2,), 10 / 11), atol=1e-3, rtol=0)


def test_gain_and_equalizer_offset_bands_within_their_limits():
    """A gain is the same for all bands, a curve differs between them; both stay the same over time."""
    mels = speech()
    gain = (augmented(mels, gain_db=6.0) - mels) / DB
    torch.testing.assert_close(gain, gain[:, :1, :1].expand_as(gain), atol=1e-4, rtol=0)
    assert gain.abs().max() <= 6.001
    assert gain.min() < -4 < 4 < gain.max()
    curve = (augmented(mels, equalizer_db=6.0) - mels) / DB
    torch.testing.assert_close(curve, curve[:, :, :1].expand_as(curve), atol=1e-4, rtol=0)
    assert curve.abs().max() <= 6.001
    assert curve[:, :, 0].std(dim=1).min() > 0.3


def test_masks_cover_spans_within_their_limits():
    """Up to 4 neighbouring frames hold their band's mean, up to 4 neighbouring bands the mean of all."""
    mels = speech(300)
    in_time = (augmented(mels, masks={"n_time": 1}) != mels).all(dim=1)  # (B, T)
    assert {int(n) for n in in_time.sum(dim=1)} == {0, 1, 2, 3, 4}
    for item in in_time:
        places = item.nonzero()[:, 0]
        assert not len(places) or int(places[-1] - places[0]) == len(places) - 1
    masked = augmented(mels, masks={"n_frequency": 1})
    in_frequency = (masked != mels).all(dim=2)
    assert {int(n) for n in in_frequency.sum(dim=1)} == {0, 1, 2, 3, 4}
    item, band = in_frequency.nonzero()[0].tolist()
    torch.testing.assert_close(masked[item, band], mels[item].mean().expand(60))


def voices(n_utterances=4, n_frames=50):
    """Three speakers; the value of a frame is its time, plus 1000 for each speaker."""
    rows = [
        np.arange(n_frames, dtype=np.float32)[:, None].repeat(40, axis=1) + 1000 * speaker
        for speaker in range(3)
        for _ in range(n_utterances)
    ]
    names = np.repeat(["a", "b", "c"], n_utterances)
    return SpeakerMels(Ragged(rows, np.float32, 40), names, {name: np.flatnonzero(names == name) for name in "abc"})


def partials(speeds=(), max_tempo_change=0.0, mels=None, **changes):
    numbers = {"n_speakers": 9, "n_utterances": 5, "frames_min": 20, "frames_max": 20, "seed": 1} | changes
    return PartialUtterances(mels or voices(), MEL, Cuts(speeds=speeds, max_tempo_change=max_tempo_change, **numbers))


def test_speeds_are_further_speakers(tmp_path, monkeypatch):
    """Three speakers at three speeds are nine; the labels say which, and time runs at the speed in each."""
    monkeypatch.chdir(tmp_path)
    made = partials(speeds=(0.5, 2.0))
    assert made.n_speakers == 9
    batch = made.batch(3)
    assert sorted(batch.speakers.tolist()) == list(range(9))
    for label, mels in zip(batch.speakers.tolist(), batch.mels, strict=True):
        assert {int(value) // 1000 for value in mels.flatten()} == {label % 3}
        pace = mels[:, 0].diff(dim=1)  # (U, T - 1) of the lowest band
        torch.testing.assert_close(pace, torch.full_like(pace, (1.0, 0.5, 2.0)[label // 3]), atol=1e-2, rtol=0)


def test_tempo_changes_time_and_not_the_label(tmp_path, monkeypatch):
    """Up to a fifth faster or slower, and no frame from beyond the utterance."""
    monkeypatch.chdir(tmp_path)
    made = partials(max_tempo_change=0.2)
    assert made.n_speakers == 3
    mels = torch.cat([made.batch(index).mels.flatten(0, 1) for index in range(20)])
    pace = mels[:, 0].diff(dim=1).mean(dim=1)
    assert pace.min() < 0.9 < 1.1 < pace.max()
    assert 0.799 < pace.min() < pace.max() < 1.201
    assert (mels % 1000).max() <= 49.01


def test_faster_speaker_sounds_like_the_recording_played_faster(tmp_path, monkeypatch):
    """A tone of 1000 Hz at speed 1.1 peaks in the band in which a tone of 1100 Hz does; so at 0.9 with 900 Hz."""
    monkeypatch.chdir(tmp_path)
    moment = np.arange(16000) / 16000

    def tone(frequency):
        return log_mel(np.sin(2 * np.pi * frequency * moment).astype(np.float32), MEL)[:, 2:-2]

    rows = [tone(1000).T] * 4
    names = np.array(["a", "a", "b", "b"])
    mels = SpeakerMels(Ragged(rows, np.float32, 40), names, {"a": np.array([0, 1]), "b": np.array([2, 3])})
    batch = partials(speeds=(1.1, 0.9), mels=mels).batch(0)
    for label, of_voice in zip(batch.speakers.tolist(), batch.mels, strict=True):
        heard, real = of_voice[0, :, 10].numpy(), tone((1000, 1100, 900)[label // 2])[:, 10]
        assert abs(int(heard.argmax()) - int(real.argmax())) <= (1 if label > 1 else 0)
        near = slice(real.argmax() - 4, real.argmax() + 5)
        assert np.corrcoef(heard[near], real[near])[0, 1] > 0.8


def test_short_utterances_give_no_partials_at_a_speed_that_they_do_not_last(tmp_path, monkeypatch):
    """30 frames are 15 at double speed, too few for 20; at half speed they are 59."""
    monkeypatch.chdir(tmp_path)
    short = voices(n_frames=30)
    assert partials(speeds=(2.0,), mels=short).n_speakers == 3
    assert partials(speeds=(0.5,), mels=short).n_speakers == 6


@pytest.mark.parametrize(
    "changes",
    [{"noise": OFF["noise"] | {"probability": 1.5}}, {"max_tempo_change": 1.0}, {"speeds": [0.0]}, {"gain": 1}],
)
def test_settings_that_make_no_sense_are_refused(changes):
    """More than always; backwards; standing still; an unknown key."""
    with pytest.raises(ValidationError):
        Augmentation.model_validate(OFF | changes)

import numpy as np
import pytest
import torch

from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.errors import ShapeError
from peewee_model.networks.weights import save_model
from peewee_model.vocoder.factory import load_vocoder
from peewee_model.vocoder.source_filter import SourceFilter, SourceFilterConfig

PITCH = {"f_min": 60.0, "f_max": 500.0, "bins_per_octave": 24, "channels": 8, "kernel_size": 3, "n_layers": 2}
FILTER = {
    "smoothing_hz": 40.0, "formant_width_hz": 200.0, "sharpening": 0.0, "noise_from_hz": 5000.0, "noise_width_hz": 1e3,
}  # fmt: skip


def source_filter(mel_config, **changes):
    torch.manual_seed(0)
    config = SourceFilterConfig(arch="source_filter", mel=mel_config, pitch=PITCH, filter=FILTER | changes)
    return SourceFilter(config).eval()


def test_bands_of_what_is_rendered_are_those_that_were_given(mel_config):
    """A smooth mel, whispered or at any pitch, comes back at its level, band by band."""
    bands = torch.arange(mel_config.n_mels)
    mel = (-3 + torch.cos(bands / 8))[:, None].expand(-1, 120).contiguous()
    for pitch in (0.0, 110.0):
        samples = source_filter(mel_config).render(mel, torch.full((120,), pitch)).numpy()
        assert samples.shape == (119 * mel_config.hop_length,)
        again = log_mel(samples, mel_config)[:, 10:-10].mean(axis=1)
        smooth = np.convolve(again - mel[:, 0].numpy(), np.ones(9) / 9, mode="valid")  # harmonics come and go in bands
        assert np.abs(smooth).max() < (0.2 if pitch == 0 else 0.5)


def test_noise_and_pulses_are_as_loud_as_each_other(mel_config):
    """A flat mel: the level does not depend on whether a frame is voiced."""
    mel = torch.full((mel_config.n_mels, 200), -3.0)
    vocoder = source_filter(mel_config)
    powers = [
        float((vocoder.render(mel, torch.full((200,), pitch)) ** 2).mean()) for pitch in (0.0, 90.0, 200.0, 400.0)
    ]
    assert max(powers) < 1.3 * min(powers)


def test_harmonics_are_at_the_pitch_and_fade_into_noise_above(mel_config):
    """Below noise_from_hz there are lines, above there are none."""
    mel = torch.full((mel_config.n_mels, 100), -3.0)
    samples = source_filter(mel_config, noise_from_hz=4000.0).render(mel, torch.full((100,), 200.0)).numpy()
    n = mel_config.sample_rate  # bins of 1 Hz
    found = np.abs(np.fft.rfft(samples[:n] * np.hanning(len(samples[:n])), n=n)) ** 2

    def contrast(low, high):
        lines = np.arange(low, high, 200)
        return np.mean([found[line - 10 : line + 10].sum() / found[line + 60 : line + 140].sum() for line in lines])

    assert contrast(400, 2000) > 10
    assert contrast(6000, 7000) < 2


def test_sharpening_raises_what_stands_out(mel_config):
    """A formant's peak against its surroundings."""
    bands = torch.arange(mel_config.n_mels)
    mel = (-5 + 2 * torch.exp(-0.5 * ((bands - 20) / 3.0) ** 2))[:, None].expand(-1, 60).contiguous()

    def peak(sharpening):
        samples = source_filter(mel_config, sharpening=sharpening).render(mel, torch.zeros(60)).numpy()
        again = log_mel(samples, mel_config).mean(axis=1)
        return again[20] - again[50]

    assert peak(0.5) > peak(0.0) + 0.1


def test_silence_stays_silent(mel_config):
    """A mel at the floor is nothing to hear."""
    mel = torch.full((mel_config.n_mels, 50), float(np.log(mel_config.log_floor)))
    assert np.abs(source_filter(mel_config).synthesize(mel)).max() < 3e-4


def test_the_same_mel_gives_the_same_samples(mel_config, voiced):
    """The noise is no chance, so that a clone is reproducible."""
    mel = torch.from_numpy(log_mel(voiced, mel_config))
    vocoder = source_filter(mel_config)
    first = vocoder.synthesize(mel)
    torch.rand(3)
    assert np.array_equal(first, vocoder.synthesize(mel))


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_few_frames_give_few_samples(mel_config, n_frames):
    """T frames have T - 1 hops between them."""
    mel = torch.full((mel_config.n_mels, n_frames), -3.0)
    assert source_filter(mel_config).synthesize(mel).shape == ((n_frames - 1) * mel_config.hop_length,)


@pytest.mark.parametrize("shape", [(7, 10), (10,), (80, 0)])
def test_other_shapes_are_refused(mel_config, shape):
    """As other vocoders refuse them."""
    with pytest.raises(ShapeError, match="bands"):
        source_filter(mel_config).synthesize(torch.zeros(shape))


def test_saved_vocoder_speaks_as_before(tmp_path, mel_config, voiced):
    """Its settings and its weights are all there is."""
    vocoder = source_filter(mel_config)
    save_model(tmp_path, vocoder, vocoder.config)
    mel = torch.from_numpy(log_mel(voiced, mel_config))
    loaded = load_vocoder(tmp_path)
    assert isinstance(loaded, SourceFilter)
    assert np.array_equal(loaded.synthesize(mel), vocoder.synthesize(mel))


def test_odd_hops_and_empty_bands_are_accepted():
    """Whatever mels a release has."""
    config = MelConfig(
        sample_rate=24000, n_fft=1024, win_length=1024, hop_length=275, n_mels=128, f_min=0.0, f_max=12000.0,
        log_floor=1e-5,
    )  # fmt: skip
    samples = source_filter(config).synthesize(torch.full((128, 40), -3.0))
    assert samples.shape == (39 * 275,)
    assert np.isfinite(samples).all()

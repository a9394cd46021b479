import numpy as np
import pytest
import torch

from peewee_model.audio.mel import log_mel, mel_filter_bank
from peewee_model.errors import ConfigError, ShapeError
from peewee_model.networks.weights import save_model
from peewee_model.vocoder.factory import load_vocoder
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig


@pytest.fixture
def griffin_lim(mel_config):
    config = GriffinLimConfig(
        arch="griffin_lim", mel=mel_config, n_iterations=60, momentum=0.99, n_inversion_updates=32
    )
    return GriffinLim(config).eval()


def magnitudes(samples, config):
    import librosa

    return np.abs(librosa.stft(samples, n_fft=config.n_fft, hop_length=config.hop_length, pad_mode="constant"))


def test_mel_survives_the_way_to_samples_and_back(griffin_lim, mel_config, voiced):
    """The mel of what was made is the mel that was given."""
    mel = log_mel(voiced, mel_config)
    samples = griffin_lim.synthesize(torch.from_numpy(mel))
    again = log_mel(samples, mel_config)
    assert samples.dtype == np.float32
    assert samples.shape == ((mel.shape[1] - 1) * mel_config.hop_length,)
    assert again.shape == mel.shape
    assert np.abs(again - mel).mean() < 0.12
    shuffled = np.random.default_rng(0).permutation(mel.T).T  # what the bound is worth: the same frames, misplaced
    assert np.abs(shuffled - mel).mean() > 0.6


def test_inverted_filter_bank_gives_the_bands_back(griffin_lim, mel_config, voiced):
    """No band is lost."""
    bands = np.exp(log_mel(voiced, mel_config))
    spectrum = griffin_lim.invert_filter_bank(torch.from_numpy(np.log(bands))).numpy()
    audible = np.sqrt(np.maximum(bands**2 - mel_config.log_floor**2, 0))
    assert (spectrum >= 0).all()
    assert np.linalg.norm(mel_filter_bank(mel_config) @ spectrum - audible) < 0.01 * np.linalg.norm(audible)


def test_phases_are_as_consistent_as_librosa_s(griffin_lim, mel_config, voiced):
    """Librosa's are the reference."""
    import librosa

    wanted = magnitudes(voiced, mel_config)
    ours = griffin_lim.reconstruct_phases(torch.from_numpy(wanted)).numpy()
    theirs = librosa.griffinlim(
        wanted, n_iter=60, hop_length=256, n_fft=1024, momentum=0.99, pad_mode="constant", random_state=0
    )
    error = [np.linalg.norm(magnitudes(y, mel_config) - wanted) / np.linalg.norm(wanted) for y in (ours, theirs)]
    assert error[0] < 1.1 * error[1]
    assert error[0] < 0.1


def test_momentum_converges_faster_than_none(griffin_lim, mel_config, voiced):
    """It is why there is one."""
    wanted = magnitudes(voiced, mel_config)
    error = []
    for momentum in (0.0, 0.99):
        vocoder = GriffinLim(griffin_lim.config.model_copy(update={"n_iterations": 30, "momentum": momentum}))
        samples = vocoder.reconstruct_phases(torch.from_numpy(wanted)).numpy()
        error.append(np.linalg.norm(magnitudes(samples, mel_config) - wanted))
    assert error[1] < 0.9 * error[0]


def test_silence_stays_silent(griffin_lim, mel_config):
    """No hum from an empty mel."""
    mel = log_mel(np.zeros(12000, dtype=np.float32), mel_config)
    samples = griffin_lim.synthesize(torch.from_numpy(mel))
    assert np.abs(samples).max() < 1e-4  # below -80 dB, where a recording counts as silent


def test_a_pause_between_words_stays_silent(griffin_lim, mel_config, voiced):
    """Loud neighbours do not fill it."""
    pause = np.zeros(12000, dtype=np.float32)
    samples = griffin_lim.synthesize(torch.from_numpy(log_mel(np.concatenate([voiced, pause, voiced]), mel_config)))
    middle = samples[len(voiced) + 2048 : len(voiced) + 10000]
    assert np.sqrt((middle**2).mean()) < 1e-3 * np.sqrt((samples[:40000] ** 2).mean())


@pytest.mark.parametrize("n_frames", [1, 2, 3])
def test_length_is_kept_when_there_are_few_frames(griffin_lim, voiced, mel_config, n_frames):
    """Less than a window, too."""
    mel = torch.from_numpy(log_mel(voiced, mel_config)[:, :n_frames])
    samples = griffin_lim.synthesize(mel)
    assert samples.shape == ((n_frames - 1) * 256,)
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("shape", [(40, 10), (80, 0), (80,), (1, 80, 10)])
def test_another_shape_is_refused(griffin_lim, shape):
    """With what was given and what is wanted."""
    with pytest.raises(ShapeError, match="80 bands"):
        griffin_lim.synthesize(torch.zeros(shape))


@pytest.mark.parametrize("level", [-60.0, 8.0])
def test_samples_are_finite_for_mels_no_recording_has(griffin_lim, level):
    """A model may give anything."""
    assert np.isfinite(griffin_lim.synthesize(torch.full((80, 20), level))).all()


def test_saved_and_loaded_gives_the_same_samples(griffin_lim, mel_config, voiced, tmp_path):
    """The folder holds all that it needs."""
    mel = torch.from_numpy(log_mel(voiced[:9000], mel_config))
    save_model(tmp_path, griffin_lim, griffin_lim.config)
    loaded = load_vocoder(tmp_path)
    assert loaded.config == griffin_lim.config
    np.testing.assert_array_equal(loaded.synthesize(mel), griffin_lim.synthesize(mel))


def test_unknown_architecture_is_a_named_error(tmp_path):
    """A newer release in an older package."""
    (tmp_path / "config.json").write_text('{"arch": "wavenet"}')
    with pytest.raises(ConfigError, match="griffin_lim"):
        load_vocoder(tmp_path)

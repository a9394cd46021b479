import warnings

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from peewee_model.audio.mel import MelConfig, log_mel, mel_filter_bank, mel_frequencies
from peewee_model.errors import AudioError, ShapeError

NAMES = ("speaker", "acoustic")


@pytest.fixture(scope="module")
def configs(repository):
    mel = yaml.safe_load((repository / "params.yaml").read_text())["mel"]
    fields = MelConfig.model_fields
    return {name: MelConfig(**{key: mel[name][key] for key in fields}) for name in NAMES}


def voice(sample_rate, seconds=2.0, seed=0):
    """Loud gliding harmonics, silence, then faint noise: loud and quiet bands in one frame, and frames of each."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    phase = 2 * np.pi * np.cumsum(120 + 60 * np.sin(2 * np.pi * time)) / sample_rate
    samples = sum(np.sin(k * phase) / k for k in range(1, 30)) * 0.4
    samples *= time < seconds / 2
    samples += 1e-3 * rng.standard_normal(len(time)) * (time > 0.75 * seconds)
    return samples.astype(np.float32)


def librosa_mel(samples, config):
    import librosa

    return librosa.feature.melspectrogram(
        y=samples,
        sr=config.sample_rate,
        n_fft=config.n_fft,
        win_length=config.win_length,
        hop_length=config.hop_length,
        power=1.0,
        n_mels=config.n_mels,
        fmin=config.f_min,
        fmax=config.f_max,
    )


def assert_equal_to_librosas(samples, config):
    """To 1e-5 of the loudest value, and but for 1e-6 of the loudest to 1e-5 of each value."""
    expected = np.maximum(librosa_mel(samples, config).astype(np.float64), config.log_floor)
    made = log_mel(samples, config)
    assert made.shape == expected.shape == (config.n_mels, 1 + len(samples) // config.hop_length)
    assert made.dtype == np.float32
    magnitude = np.exp(made.astype(np.float64))
    assert np.linalg.norm(magnitude - expected) <= 1e-6 * np.linalg.norm(expected)
    np.testing.assert_allclose(magnitude, expected, rtol=1e-5, atol=1e-6 * expected.max())
    np.testing.assert_allclose(made, np.log(expected), rtol=0, atol=5e-5)


@pytest.mark.filterwarnings("ignore:n_fft")  # librosa's, of recordings shorter than a frame
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_samples", [1, 255, 256, 400, 20_000, 40_001])
def test_mel_equals_librosas(configs, name, n_samples):
    """Loud and quiet bands, silence, recordings shorter than a frame."""
    assert_equal_to_librosas(voice(configs[name].sample_rate, seconds=3.0)[:n_samples], configs[name])


def test_mel_equals_librosas_on_recorded_speech(configs, shared_data):
    """A minute of a person reading."""
    from peewee_model.audio.clip import resample
    from peewee_model.recordings.reading import read_clip

    clip = read_clip(shared_data / "references" / "librispeech_533.flac")
    for config in configs.values():
        assert_equal_to_librosas(resample(clip.samples, clip.sample_rate, config.sample_rate), config)


def slaney_hz(mel):
    """Slaney's scale by its definition: 200/3 Hz a mel below 1 kHz, 27 mels for a factor of 6.4 above."""
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def slaney_mel(hz):
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1) / 1000) / np.log(6.4))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0])
def test_sine_peaks_in_the_band_around_it(configs, name, hz):
    """Where it peaks and how high follow from the scale and the window's sum, worked out here by hand."""
    config = configs[name]
    samples = (0.5 * np.sin(2 * np.pi * hz * np.arange(config.sample_rate) / config.sample_rate)).astype(np.float32)
    frame = log_mel(samples, config)[:, 40]
    edges = slaney_hz(np.linspace(slaney_mel(config.f_min), slaney_mel(config.f_max), config.n_mels + 2))
    around = {n for n in range(config.n_mels) if edges[n] < hz < edges[n + 2]}
    assert int(frame.argmax()) in around
    # A plain Fourier sum under a window written out, and the one triangle with its area of 1 written out.
    width = config.sample_rate / config.n_fft
    bins = np.arange(config.n_fft // 2 + 1) * width
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(config.win_length) / config.win_length)
    times = np.arange(config.win_length) / config.sample_rate
    spectrum = np.abs(np.exp(-2j * np.pi * np.outer(bins, times)) @ (window * 0.5 * np.sin(2 * np.pi * hz * times)))
    low, centre, high = (edges[int(frame.argmax()) + n] for n in range(3))
    triangle = np.maximum(0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
    assert np.exp(frame.max()) == pytest.approx((triangle * 2 / (high - low)) @ spectrum, rel=0.01)


def test_silence_is_the_floor(configs):
    """log(log_floor) everywhere."""
    for config in configs.values():
        np.testing.assert_allclose(log_mel(np.zeros(5000, np.float32), config), np.log(config.log_floor), rtol=1e-7)


def test_mel_of_a_long_recording_equals_that_of_its_parts(configs):
    """Blocks leave no seam: frames away from a cut do not see it."""
    for config in configs.values():
        samples = voice(config.sample_rate, seconds=6.0)
        whole = log_mel(samples, config)
        start = 37 * config.hop_length
        part = log_mel(samples[start:], config)
        np.testing.assert_array_equal(whole[:, 37 + 4 :], part[:, 4:])


def test_filter_bank_is_shared_and_can_not_be_changed(configs):
    """It is made once for a config."""
    bank = mel_filter_bank(configs["acoustic"])
    assert bank is mel_filter_bank(MelConfig(**configs["acoustic"].model_dump()))
    assert bank.shape == (80, 513)
    with pytest.raises(ValueError, match="read-only"):
        bank[0, 0] = 1


@pytest.mark.parametrize("sample_rate", [16_000, 22_050, 24_000, 44_100])
@pytest.mark.parametrize("n_fft", [512, 1024, 1102, 2048])
@pytest.mark.parametrize("n_mels", [20, 40, 80, 128])
def test_filter_bank_is_librosas_bit_by_bit(sample_rate, n_fft, n_mels):
    """So are the frequencies that it is made of, below and above 1 kHz, where Slaney's scale changes its law."""
    import librosa

    for f_min, f_max in ((0.0, 999.0), (20.0, 7600.0), (50.0, 8000.0), (1000.0, sample_rate / 2)):
        config = MelConfig(
            sample_rate=sample_rate, n_fft=n_fft, win_length=n_fft, hop_length=256, n_mels=n_mels, f_min=f_min,
            f_max=f_max, log_floor=1e-3,
        )  # fmt: skip
        made = mel_frequencies(n_mels + 2, f_min, f_max)
        assert made.tobytes() == librosa.mel_frequencies(n_mels=n_mels + 2, fmin=f_min, fmax=f_max).tobytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # librosa's, of bands between two bins
            expected = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, n_mels=n_mels, fmin=f_min, fmax=f_max)
        assert mel_filter_bank(config).tobytes() == expected.tobytes()


def test_bands_without_a_bin_are_warned_of(configs, caplog):
    """They stay at the floor whatever the recording."""
    config = MelConfig(**{**configs["acoustic"].model_dump(), "n_fft": 64, "win_length": 64})
    silent = ~mel_filter_bank(config).any(axis=1)
    assert silent.any()
    assert "n_mels=80 n_fft=64" in caplog.text
    assert (log_mel(voice(24_000), config)[silent] == np.float32(np.log(config.log_floor))).all()


def test_logarithm_is_taken_in_float64(configs):
    """It is rounded to float32 once. One that is taken in float32 differs in its last bit for some of the values."""
    floors = np.geomspace(1e-6, 10.0, 2000).astype(np.float32)
    made = [
        log_mel(np.zeros(1, np.float32), MelConfig(**{**configs["speaker"].model_dump(), "log_floor": float(floor)}))
        for floor in floors
    ]
    np.testing.assert_array_equal([mel[0, 0] for mel in made], np.log(floors.astype(np.float64)).astype(np.float32))


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0, np.float32), "empty"),
        (np.array([0, np.nan, 0], np.float32), "non_finite"),
        (np.array([0, np.inf, 0], np.float32), "non_finite"),
    ],
)
def test_unusable_samples_are_refused(configs, samples, reason):
    """The error names what is wrong; there is no mel of it."""
    with pytest.raises(AudioError) as caught:
        log_mel(samples, configs["speaker"])
    assert caught.value.reason == reason


def test_channels_are_refused(configs):
    """Whoever passes two channels has to choose or mix them."""
    with pytest.raises(ShapeError, match=r"\(2, 100\)"):
        log_mel(np.zeros((2, 100), np.float32), configs["speaker"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"win_length": 2048}, "win_length is 2048 but n_fft is 1024"),
        ({"f_max": 12_001.0}, "half of sample_rate"),
        ({"f_min": 9000.0}, "must rise"),
        ({"n_fft": 1023, "win_length": 512}, "make it even"),
        ({"hop_length": 0}, "greater than 0"),
        ({"log_floor": 0.0}, "greater than 0"),
        ({"sr": 1}, "Extra inputs"),
    ],
)
def test_contradicting_settings_are_refused(configs, change, told):
    """Settings that can't hold together are named before any mel is made."""
    with pytest.raises(ValidationError, match=told):
        MelConfig(**{**configs["acoustic"].model_dump(), **change})

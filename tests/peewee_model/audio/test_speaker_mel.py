"""One way from a recording to the speaker encoder's mel."""

import numpy as np
import pytest

from peewee_model.audio.mel import SpeakerMelConfig, log_mel
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.encoder.config import EncoderConfig

MEL = {
    "sample_rate": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 8, "f_min": 20, "f_max": 7600,
    "log_floor": 1e-5,
}  # fmt: skip
LSTM = {
    "embedding_dim": 8, "window_frames": 20, "window_overlap": 0.5, "n_layers": 1, "hidden_dim": 16,
    "projection_dim": 0, "pooling": "last", "attention_channels": 4,
}  # fmt: skip


def voiced(seconds=2.0):
    times = np.arange(int(seconds * 16000)) / 16000
    return (0.1 * np.sin(2 * np.pi * 220 * times) * (1 + np.sin(2 * np.pi * 4 * times))).astype(np.float32)


@pytest.mark.parametrize("change", [lambda x: x * np.float32(0.1), lambda x: x + np.float32(0.005)])
def test_level_and_offset_change_nothing(change):
    """A recording 20 dB softer, or with a mean that is not zero, has the same mel."""
    config = SpeakerMelConfig(**MEL, loudness_lufs=-23.0)
    samples = voiced()
    np.testing.assert_allclose(speaker_mel(change(samples), config), speaker_mel(samples, config), atol=2e-3)


def test_an_older_release_takes_recordings_as_they_are():
    """Its config does not name a loudness."""
    hearing = {"arch": "lstm", "normalize": "global", "silence_db": 0.0, "lstm": LSTM}
    config = EncoderConfig.model_validate(hearing | {"mel": MEL})
    assert config.mel.loudness_lufs is None
    np.testing.assert_array_equal(speaker_mel(voiced(), config.mel), log_mel(voiced(), config.mel))

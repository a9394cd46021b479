import numpy as np
import pytest
import torch

from peewee_model.audio.mel import MelConfig


@pytest.fixture(autouse=True)
def _one_thread():
    """Small tensors on shared cores: threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def mel_config():
    return MelConfig(
        sample_rate=24000,
        n_fft=1024,
        win_length=1024,
        hop_length=256,
        n_mels=80,
        f_min=50.0,
        f_max=8000.0,
        log_floor=1e-3,
    )


@pytest.fixture
def voiced():
    """Two seconds like a vowel: harmonics of a gliding pitch under two formants, with syllables' envelope."""
    sample_rate = 24000
    t = np.arange(2 * sample_rate) / sample_rate
    pitch = 130 + 30 * np.sin(2 * np.pi * 0.8 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    signal = np.zeros_like(t)
    for harmonic in range(1, 50):
        frequency = harmonic * pitch
        gain = np.exp(-(((frequency - 700) / 400) ** 2)) + 0.5 * np.exp(-(((frequency - 2200) / 600) ** 2)) + 0.01
        signal += gain * np.sin(harmonic * phase)
    envelope = 0.55 + 0.45 * np.sin(2 * np.pi * 3 * t)
    noise = np.random.default_rng(0).normal(size=t.size)
    return (0.1 * envelope * signal + 0.002 * noise).astype(np.float32)

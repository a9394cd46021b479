"""Speech of a person with its text, and a signal like a voice. The recording is part of moonshine-voice's wheel."""

import importlib.util
from pathlib import Path

import numpy as np

from peewee_model.recordings.reading import read_clip

TEXT = "Ever tried, ever failed, no matter. Try again, fail again, fail better."


def recording():
    """Ten seconds of a person, at 16 kHz."""
    spec = importlib.util.find_spec("moonshine_voice")
    return read_clip(Path(spec.submodule_search_locations[0]) / "assets/beckett.wav").samples


def buzz(pitch, seconds=2.5, rate=16_000):
    """Harmonics that swell and fall like syllables, with a little noise."""
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(5 * t))) / rate
    noise = 0.002 * np.random.default_rng(0).normal(size=len(t))
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 12)) * (1 + np.sin(20 * t)) + noise).astype(np.float32)

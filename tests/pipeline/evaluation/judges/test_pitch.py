import numpy as np
import pytest

from pipeline.evaluation.judges.pitch import HOP, PitchTracker
from tests.pipeline.evaluation.judges.speech import recording


@pytest.fixture(scope="module")
def tracker():
    return PitchTracker()


@pytest.mark.parametrize("pitch", [90.0, 140.0, 260.0])
def test_pitch_of_a_known_tone_is_found(tracker, pitch):
    """Harmonics of one fundamental, within a quarter of a semitone."""
    t = np.arange(32_000) / 16_000
    samples = 0.1 * sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 12))
    found = tracker.track(samples.astype(np.float32))
    assert len(found) == len(samples) // HOP
    assert np.isfinite(found).mean() > 0.9
    assert abs(12 * np.log2(np.nanmedian(found) / pitch)) < 0.25


def test_noise_and_silence_are_not_voiced(tracker):
    """Nor is most of a pause; a person's speech is voiced in part."""
    noise = 0.1 * np.random.default_rng(0).standard_normal(32_000).astype(np.float32)
    assert np.isfinite(tracker.track(noise)).mean() < 0.1
    assert not np.isfinite(tracker.track(np.zeros(32_000, dtype=np.float32))).any()
    assert 0.2 < np.isfinite(tracker.track(recording())).mean() < 0.9
    assert len(tracker.track(np.zeros(1, dtype=np.float32))) == 1

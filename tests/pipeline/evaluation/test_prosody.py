import numpy as np
import pytest

from pipeline.evaluation.judges.pitch import HOP, SAMPLE_RATE
from pipeline.evaluation.prosody import prosody


def tone(f0_hz):
    """Harmonics of a fundamental that may change, and their F0 by frames."""
    f0_hz = np.broadcast_to(f0_hz, 2 * SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    samples = 0.1 * sum(np.sin(k * phase) / k for k in range(1, 15))
    return samples.astype(np.float32), f0_hz[::HOP].astype(np.float64)


def test_deviation_of_f0_is_in_semitones():
    """Half of the time an octave above: 12 semitones apart, 6 to either side."""
    samples, f0_hz = tone(np.repeat([100.0, 200.0], SAMPLE_RATE))
    found = prosody("ten chars.", samples, f0_hz)
    assert found["f0_deviation"] == pytest.approx(6.0, abs=0.05)
    assert prosody("a", *tone(100.0))["f0_deviation"] == 0.0
    assert prosody("a", *tone(130.0))["f0_hz"] == pytest.approx(130.0)


def test_pace_and_voiced_share_are_counted_by_hand():
    """Nine characters without the full stop in two seconds; a quarter of the frames without a voice."""
    samples, f0_hz = tone(120.0)
    f0_hz = f0_hz.copy()
    f0_hz[: len(f0_hz) // 4] = np.nan
    found = prosody("ten chars.", samples, f0_hz)
    assert found["pace"] == 4.5
    assert found["voiced"] == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("pitch", [100.0, 180.0, 300.0])
def test_ripple_falls_when_harmonics_drown(pitch):
    """A tone stands out of its envelope, noise does not, and the more noise the less; the level changes nothing."""
    samples, f0_hz = tone(pitch)
    noise = np.random.default_rng(0).standard_normal(len(samples)).astype(np.float32)
    ripples = [prosody("a", samples + level * noise, f0_hz)["harmonic_ripple"] for level in (0.003, 0.03, 0.3)]
    assert ripples[0] > ripples[1] + 1 > ripples[2] + 2
    assert ripples[2] < 5
    quiet = prosody("a", np.float32(0.3) * (samples + np.float32(0.003) * noise), f0_hz)["harmonic_ripple"]
    assert quiet == pytest.approx(ripples[0], abs=0.1)


def test_speech_without_voiced_frames_has_no_melody():
    """Whispering, or noise: absent, and not zero."""
    noise = np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    found = prosody("a", noise, np.full(31, np.nan))
    assert (found["f0_hz"], found["f0_deviation"], found["harmonic_ripple"], found["voiced"]) == (None, None, None, 0.0)

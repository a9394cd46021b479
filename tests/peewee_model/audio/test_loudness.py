"""Loudness, on the signals of ITU-R BS.1770 and EBU Tech 3341, whose loudness is known."""

import numpy as np
import pytest

from peewee_model.audio.loudness import level, loudness

RATES = [16_000, 22_050, 24_000, 48_000]


def tone(rate, *parts, hz=1000.0):
    """A sine of so many dBFS for so many seconds, each part after the other."""
    levels = np.concatenate([np.full(round(seconds * rate), 10 ** (db / 20)) for db, seconds in parts])
    return (levels * np.sin(2 * np.pi * hz * np.arange(len(levels)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", RATES)
def test_full_scale_sine(rate):
    """BS.1770: 997 Hz at full scale in one channel is -3.01 LUFS."""
    assert loudness(tone(rate, (0, 5), hz=997.0), rate) == pytest.approx(-3.01, abs=0.06)


# EBU Tech 3341, table 1, cases 1 to 5; one channel is 3.01 LU softer than the two of the table.
CASES = {
    "1": ([(-23, 20)], -23.0),
    "2": ([(-33, 20)], -33.0),
    "3": ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
    "4": ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
    "5": ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
}


@pytest.mark.parametrize("case", CASES)
def test_gating(case):
    """What is softer by 10 LU, or below -70 LUFS, does not count."""
    parts, expected = CASES[case]
    assert loudness(tone(48_000, *parts), 48_000) == pytest.approx(expected - 3.01, abs=0.1)


def test_short_and_silent_samples():
    """Less than a block is measured whole; nothing has no loudness, and is left as it is."""
    assert loudness(tone(16_000, (-20, 0.2), hz=997.0), 16_000) == pytest.approx(-23.01, abs=0.1)
    assert loudness(np.zeros(16_000, np.float32), 16_000) == -np.inf
    assert loudness(np.zeros(0, np.float32), 16_000) == -np.inf
    np.testing.assert_array_equal(level(np.zeros(16_000, np.float32), 16_000, -23.0), np.zeros(16_000))


@pytest.mark.parametrize("rate", RATES)
def test_level_gives_a_loudness(rate):
    """From any level, pauses or not."""
    for parts in ([(-50, 3)], [(-6, 3)], [(-30, 1), (-100, 5), (-30, 1)]):
        assert loudness(level(tone(rate, *parts), rate, -23.0), rate) == pytest.approx(-23, abs=0.05)


def test_peaks_are_turned_down_without_a_jump():
    """A click in soft speech stays below full scale; what is 20 ms away keeps its level."""
    samples = tone(24_000, (-40, 3), hz=200.0)
    samples[36_000] = 0.9
    made = level(samples, 24_000, -23.0)
    assert np.abs(made).max() <= 0.95
    gain = made[24_000:30_000] / np.where(samples[24_000:30_000] == 0, 1, samples[24_000:30_000])
    assert np.ptp(gain[np.abs(samples[24_000:30_000]) > 1e-3]) < 1e-4
    assert np.abs(np.diff(made[35_000:36_000])).max() < 0.1

"""The mark in the samples: how it is put there."""

import hashlib

import numpy as np
import pytest

from peewee_model.marking import mark as marking
from peewee_model.marking.mark import FRAMES, N_BANDS, Marker, mark, pattern


def noise(n_samples):
    return np.random.default_rng(0).normal(scale=0.1, size=n_samples).astype(np.float32)


@pytest.mark.parametrize("n_samples", [0, 1, 255, 256, 257, 512, 16_001])
@pytest.mark.parametrize("piece", [1, 255, 256, 257, 5000])
def test_pieces_change_no_sample(n_samples, piece):
    """A stream holds the same samples as a whole file, and all of them."""
    samples, marker = noise(n_samples), Marker(16_000, "key")
    pieces = [marker.add(samples[start : start + piece]) for start in range(0, n_samples, piece)]
    np.testing.assert_array_equal(np.concatenate([*pieces, marker.end()]), mark(samples, 16_000, "key"))
    assert len(mark(samples, 16_000, "key")) == n_samples


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 48_000])
def test_without_strength_the_samples_are_what_they_were(rate, monkeypatch):
    """The frames add up to the speech, at every rate."""
    monkeypatch.setattr(marking, "STRENGTH_DB", 0.0)
    np.testing.assert_allclose(mark(noise(rate), rate, "key"), noise(rate), atol=1e-6)


def test_the_mark_is_small_and_changes_no_loudness():
    """The difference is far below the sound."""
    samples = noise(48_000)
    marked = mark(samples, 16_000, "key")
    difference_db = 20 * np.log10(np.std(marked - samples) / np.std(samples))
    assert -20 < difference_db < -14
    assert abs(20 * np.log10(np.std(marked) / np.std(samples))) < 0.2


def test_silence_stays_silent():
    """There is nothing to make louder."""
    assert not mark(np.zeros(16_000, dtype=np.float32), 16_000, "key").any()


def test_a_band_gets_no_louder():
    """As many cells of each sign in each band."""
    signs = pattern("key")
    assert signs.shape == (FRAMES, N_BANDS)
    assert set(np.unique(signs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(signs.sum(axis=0), 0)


def test_a_pattern_never_changes():
    """What was marked once is found by every later version."""
    content = (pattern("peewee-tts") > 0).astype(np.uint8).tobytes()
    assert hashlib.sha256(content).hexdigest() == "4b9f1e17c5c92585170b60e9f32b83f410d98e85b18334fd7a460e7865d5a96b"


def test_keys_have_patterns_of_their_own():
    """One key says nothing of another."""
    assert abs(np.corrcoef(pattern("one").ravel(), pattern("two").ravel())[0, 1]) < 0.1

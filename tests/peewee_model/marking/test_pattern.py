"""The pattern of a key."""

import hashlib

import numpy as np

from peewee_model.marking.pattern import FRAMES, N_BANDS, pattern


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

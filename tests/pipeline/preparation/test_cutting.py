"""Where a long recording is cut."""

import numpy as np
import pytest

from pipeline.preparation.cutting import Span, cut
from pipeline.preparation.sound import Sound

RATE = 16_000


def sound(seconds, quiet_at=()):
    samples = np.random.default_rng(0).normal(scale=3000, size=round(seconds * RATE))
    for at in quiet_at:
        samples[round((at - 0.1) * RATE) : round((at + 0.1) * RATE)] *= 0.01
    return Sound("a", "key", samples.astype(np.int16), RATE, None)


def test_clips_end_at_pauses_and_keep_a_margin():
    """Neighbours share a short pause; a long one is left out."""
    speech = [Span(1, 4), Span(4.4, 9.5), Span(9.8, 12), Span(20, 23)]
    clips = cut(sound(30), speech, 1.0, 15.0)
    assert clips == [Span(0.85, 9.65), Span(9.65, 12.15), Span(19.85, 23.15)]


def test_what_has_no_pause_is_cut_where_it_is_quietest():
    """No clip is longer than asked for, and nothing is lost."""
    clips = cut(sound(40, quiet_at=(14.0, 26.0)), [Span(1, 39)], 1.0, 15.0)
    assert max(clip.duration_s for clip in clips) <= 15.0
    assert sum(clip.duration_s for clip in clips) == pytest.approx(38.3, abs=0.2)
    ends = [clip.end_s for clip in clips[:-1]]
    assert all(min(abs(end - at) for end in ends) < 0.15 for at in (14.0, 26.0))


def test_short_speech_is_left_out():
    """A cough is no clip."""
    assert cut(sound(5), [Span(1, 1.5)], 1.0, 15.0) == []

import pytest

from pipeline.training.encoder.learning_rates import LearningRate


def rate(**changes):
    return LearningRate(**{"peak": 1.0, "warmup_steps": 0, "decay": "none", "halve_every": 10, "final": 0.0} | changes)


def test_rate_without_decay_stays():
    """The same at every step."""
    assert {rate().at(step, 100) for step in range(100)} == {1.0}


def test_rate_is_halved_at_every_tenth_step():
    """GE2E's schedule."""
    assert [rate(decay="halving").at(step, 100) for step in (0, 9, 10, 19, 20, 30)] == [1, 1, 0.5, 0.5, 0.25, 0.125]


def test_rate_warms_up_in_equal_steps():
    """A quarter, a half, three quarters, all of it; the decay begins after."""
    warm = rate(warmup_steps=4, decay="cosine")
    assert [warm.at(step, 100) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]


def test_rate_falls_along_a_cosine_to_the_last_step():
    """Half way down in the middle, at the final value at the last step, which is number n - 1."""
    cosine = rate(decay="cosine", final=0.2)
    assert [cosine.at(step, 101) for step in (0, 50, 100)] == pytest.approx([1.0, 0.6, 0.2])
    along = [cosine.at(step, 101) for step in range(101)]
    assert along == sorted(along, reverse=True)

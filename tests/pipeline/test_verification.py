import numpy as np
import pytest

from pipeline.verification import all_pairs, equal_error_rate, error_rates


def test_eer_is_zero_when_scores_separate():
    """A threshold between the two kinds makes no error."""
    eer, threshold = equal_error_rate(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True]))
    assert eer == 0
    assert 0.2 < threshold <= 0.8


def test_eer_is_one_half_when_scores_tell_nothing():
    """One score for all: accepting or refusing everything, half of the trials are wrong."""
    eer, _ = equal_error_rate(np.ones(10), np.array([True, False] * 5))
    assert eer == pytest.approx(0.5)


def test_eer_equals_value_by_hand_with_one_swap():
    """One of four same-speaker pairs below one of four others: 25 % at the threshold between."""
    scores = np.array([0.1, 0.2, 0.3, 0.7, 0.6, 0.8, 0.9, 1.0])
    same = np.array([False, False, False, False, True, True, True, True])
    assert equal_error_rate(scores, same)[0] == pytest.approx(0.25)


def test_eer_is_one_when_scores_are_inverted():
    """Higher for different speakers: every decision is wrong."""
    eer, _ = equal_error_rate(np.array([0.9, 0.8, 0.2, 0.1]), np.array([False, False, True, True]))
    assert eer == pytest.approx(1.0)


def test_error_rates_run_from_all_accepted_to_none():
    """At the lowest threshold all are accepted, at infinity none."""
    accepts, rejects, thresholds = error_rates(np.array([0.3, 0.1, 0.2]), np.array([True, False, True]))
    assert (accepts[0], rejects[0]) == (1, 0)
    assert (accepts[-1], rejects[-1]) == (0, 1)
    assert thresholds[-1] == np.inf


def test_error_rates_refuse_trials_of_one_kind():
    """Without different-speaker pairs there is nothing to measure."""
    with pytest.raises(ValueError, match="0 different-speaker"):
        equal_error_rate(np.array([0.5]), np.array([True]))


def test_all_pairs_counts_each_pair_once():
    """Three utterances of two speakers make three pairs, one of them of one speaker."""
    scores, same = all_pairs(np.eye(3, dtype=np.float32), np.array(["a", "a", "b"]))
    assert scores.tolist() == [0, 0, 0]
    assert same.tolist() == [True, False, False]

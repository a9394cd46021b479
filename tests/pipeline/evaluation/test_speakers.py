import numpy as np
import pytest

from pipeline.evaluation.config import EvaluationError
from pipeline.evaluation.speakers import (
    bootstrap_eer,
    det_curve,
    make_trials,
    min_detection_cost,
    score_trials,
    speaker_map,
)
from pipeline.verification import equal_error_rate

SAME = np.array([True, True, True, False, False, False, False])


@pytest.mark.parametrize(
    ("scores", "rate", "threshold"),
    [
        # By hand: from threshold 0.7 (1/4 accepted, 1/3 refused) to 0.4 (1/4, 0) the line meets FA = FR a quarter
        # of the way from 0.7.
        ([0.9, 0.8, 0.4, 0.7, 0.3, 0.2, 0.1], 0.25, 0.625),
        ([0.9, 0.8, 0.7, 0.4, 0.3, 0.2, 0.1], 0.0, 0.7),  # separated
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7], 1.0, 0.4),  # the wrong way round
    ],
)
def test_equal_error_rate_is_the_hand_computed_one(scores, rate, threshold):
    """On scores that can be followed on paper."""
    found, at = equal_error_rate(np.array(scores), SAME)
    assert found == pytest.approx(rate)
    assert at == pytest.approx(threshold)


def test_equal_error_rate_of_identical_scores_is_a_half():
    """Nothing can be told apart."""
    assert equal_error_rate(np.full(7, 0.3), SAME)[0] == pytest.approx(0.5)


def test_detection_cost_is_the_hand_computed_one():
    """Thresholds 0.8 (no accept, 1/3 refused) and 0.4 (1/4, 0): at a prior of 0.05 the first costs less."""
    scores = np.array([0.9, 0.8, 0.4, 0.7, 0.3, 0.2, 0.1])
    assert min_detection_cost(scores, SAME, 0.05) == pytest.approx(1 / 3)
    assert min_detection_cost(scores, SAME, 0.5) == pytest.approx(0.25)
    assert min_detection_cost(np.full(7, 0.3), SAME, 0.05) == pytest.approx(1.0)


def test_trials_are_all_pairs_if_they_are_few():
    """Nothing is drawn that could be counted."""
    trials = make_trials(["a", "b", "a", "c"], 6, seed=1)
    assert list(zip(trials.first, trials.second, strict=True)) == [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
    assert trials.same.tolist() == [False, True, False, False, False, False]


def test_trials_are_a_balanced_sample_without_repetition_if_pairs_are_many():
    """As many of the same speaker as of others."""
    speakers = [f"s{i % 10}" for i in range(200)]
    trials = make_trials(speakers, 1000, seed=1)
    again, other = make_trials(speakers, 1000, seed=1), make_trials(speakers, 1000, seed=2)
    pairs = set(zip(trials.first.tolist(), trials.second.tolist(), strict=True))
    assert len(trials) == len(pairs) == 1000
    assert (trials.first < trials.second).all()
    assert trials.same.sum() == 500
    assert all((speakers[a] == speakers[b]) == same for a, b, same in zip(*vars(trials).values(), strict=True))
    assert np.array_equal(trials.first, again.first) and np.array_equal(trials.second, again.second)
    assert not np.array_equal(trials.first, other.first)


def test_trials_end_where_pairs_of_two_speakers_do():
    """Two speakers of whom one has a single utterance: 19 pairs of two, however many are asked for."""
    trials = make_trials(["a"] * 19 + ["b"], 180, seed=1)
    assert (~trials.same).sum() == 19
    assert trials.same.sum() == 90


@pytest.mark.parametrize("speakers", [["a", "a", "a"], ["a", "b"], ["a"], []])
def test_trials_without_both_kinds_are_refused(speakers):
    """There is no rate."""
    with pytest.raises(EvaluationError, match="held-out utterances"):
        make_trials(speakers, 100, seed=1)


def test_score_is_the_cosine_whatever_the_lengths():
    """Embeddings need not be normalised."""
    trials = make_trials(["a", "a", "b"], 10, seed=1)
    scores = score_trials(np.array([[3, 0], [0, 2], [1, 1]], dtype=np.float32), trials)
    assert scores == pytest.approx([0, 2**-0.5, 2**-0.5])


def test_bootstrap_interval_holds_the_rate_and_is_a_point_if_nothing_errs():
    """Its ends are on both sides of the rate."""
    speakers = [f"s{i // 6}" for i in range(60)]
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(10, 4)).repeat(6, axis=0)
    trials = make_trials(speakers, 10_000, seed=1)
    apart = score_trials((100 * centres + rng.normal(size=(60, 4))).astype(np.float32), trials)
    assert bootstrap_eer(apart, trials, speakers, 50, seed=1) == (0.0, 0.0)
    mixed = score_trials((centres + rng.normal(size=(60, 4))).astype(np.float32), trials)
    low, high = bootstrap_eer(mixed, trials, speakers, 50, seed=1)
    assert 0 < low < equal_error_rate(mixed, trials.same)[0] < high < 1
    assert bootstrap_eer(mixed, trials, speakers, 50, seed=1) == (low, high)


def test_det_curve_keeps_its_ends_and_falls():
    """It is short enough for a plot."""
    rng = np.random.default_rng(0)
    same = rng.random(5000) < 0.5
    accept, reject, thresholds = det_curve(rng.normal(size=5000) + same, same, 100)
    assert 90 <= len(accept) <= 100
    assert (accept[0], reject[0], accept[-1], reject[-1]) == (1, 0, 0, 1)
    assert (np.diff(accept) <= 0).all() and (np.diff(reject) >= 0).all() and (np.diff(thresholds) > 0).all()


def test_speaker_map_keeps_voices_together_and_is_the_same_each_time():
    """The picture is an output with a hash."""
    rng = np.random.default_rng(0)
    voices = np.repeat(np.eye(3, 16), 12, axis=0) + 0.05 * rng.normal(size=(36, 16))
    layout = speaker_map(voices.astype(np.float32), seed=1)
    assert np.array_equal(layout, speaker_map(voices.astype(np.float32), seed=1))
    groups = layout.reshape(3, 12, 2)
    within = np.linalg.norm(groups - groups.mean(1, keepdims=True), axis=-1).max()
    between = min(np.linalg.norm(groups[i].mean(0) - groups[j].mean(0)) for i, j in [(0, 1), (0, 2), (1, 2)])
    assert between > 2 * within


@pytest.mark.parametrize("n_utterances", [2, 3, 4])
def test_speaker_map_of_few_utterances_is_finite(n_utterances):
    """Fewer than it has neighbours."""
    layout = speaker_map(np.eye(n_utterances, 8, dtype=np.float32), seed=1)
    assert layout.shape == (n_utterances, 2)
    assert np.isfinite(layout).all()

"""Speaker verification: how well scores separate pairs of one speaker from pairs of two."""

import numpy as np
from numpy.typing import NDArray


def equal_error_rate(scores: NDArray[np.floating], is_same: NDArray[np.bool_]) -> tuple[float, float]:
    """Find the threshold at which the false-accept rate equals the false-reject rate.

    Args:
        scores: Similarity of each trial, higher is more alike. (N,)
        is_same: Whether the trial's two recordings are of one speaker. (N,)

    Returns:
        The equal error rate in [0, 1], interpolated linearly between the two operating points around it, and the
        threshold there.
    """
    false_accepts, false_rejects, thresholds = error_rates(scores, is_same)
    crossing = int(np.argmax(false_rejects >= false_accepts))  # rejects rise with the threshold, accepts fall
    if crossing == 0:
        return float(false_accepts[0]), float(thresholds[0])
    gap = false_accepts - false_rejects
    before, after = gap[crossing - 1], gap[crossing]
    share = before / (before - after)
    eer = false_accepts[crossing - 1] + share * (false_accepts[crossing] - false_accepts[crossing - 1])
    low, high = thresholds[crossing - 1], thresholds[crossing]
    return float(eer), float(low + share * (high - low)) if np.isfinite(high) else float(low)


def error_rates(
    scores: NDArray[np.floating], is_same: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute error rates at every score as a threshold, in rising order; a trial at the threshold is accepted.

    Returns:
        False-accept rates, false-reject rates and thresholds; the last threshold, infinity, accepts nothing. (K,) each
    """
    order = np.argsort(scores, kind="stable")
    ordered, same = np.asarray(scores, dtype=np.float64)[order], np.asarray(is_same)[order]
    first_of_value = np.flatnonzero(np.concatenate([[True], np.diff(ordered) > 0]))
    rejected_same = np.concatenate([[0], np.cumsum(same)])
    rejected_other = np.concatenate([[0], np.cumsum(~same)])
    cuts = np.concatenate([first_of_value, [len(ordered)]])
    n_same, n_other = int(same.sum()), int((~same).sum())
    if not n_same or not n_other:
        raise ValueError(f"{n_same} same-speaker and {n_other} different-speaker trials; an error rate needs both")
    thresholds = np.concatenate([ordered[first_of_value], [np.inf]])
    return 1 - rejected_other[cuts] / n_other, rejected_same[cuts] / n_same, thresholds


def all_pairs(
    embeddings: NDArray[np.float32], speakers: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Compute the cosine of every pair of utterances, and whether the pair is of one speaker.

    Args:
        embeddings: L2-normalised. (N, E)
        speakers: The speaker of each. (N,)
    """
    first, second = np.triu_indices(len(embeddings), k=1)
    cosine = (embeddings.astype(np.float64) @ embeddings.astype(np.float64).T)[first, second]
    return cosine, np.asarray(speakers)[first] == np.asarray(speakers)[second]

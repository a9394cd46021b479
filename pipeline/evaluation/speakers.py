"""Speaker verification on speakers that no model was trained on: trials, EER, DET curve, detection cost, map."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.config import EvaluationError
from pipeline.verification import equal_error_rate, error_rates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trials:
    """Pairs of utterances, as indices into the list that they were made from, first < second."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.first)


def make_trials(speaker_ids: Sequence[str], n_trials: int, seed: int) -> Trials:
    """List the pairs to score: all of them, or a seeded sample with half of one speaker and half of two.

    Args:
        speaker_ids: The speaker of each utterance; the utterances in a fixed order.
        n_trials: Pairs at most.
        seed: Of the sample.

    Raises:
        EvaluationError: If there are not two speakers, or none has two utterances.
    """
    speakers = np.unique(np.asarray(speaker_ids), return_inverse=True)[1]
    n_utterances = len(speakers)
    if n_utterances * (n_utterances - 1) // 2 <= n_trials:
        first, second = np.triu_indices(n_utterances, k=1)
    else:
        first, second = _sample_pairs(speakers, n_trials, np.random.default_rng(seed))
    same = speakers[first] == speakers[second]
    if not same.any() or same.all():
        raise EvaluationError(
            f"{n_utterances} held-out utterances of {len(set(speaker_ids))} speakers make no trials: two speakers and "
            "two utterances of one are the least; hold out more in ingest.split"
        )
    return Trials(first.astype(np.int64), second.astype(np.int64), same)


def _sample_pairs(
    speakers: NDArray[np.int64], n_trials: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    n_utterances = len(speakers)
    own: list[NDArray[np.int64]] = []
    for speaker in range(speakers.max() + 1):
        members = np.flatnonzero(speakers == speaker)
        first, second = np.triu_indices(len(members), k=1)
        own.append(members[first] * n_utterances + members[second])
    same = np.concatenate(own)
    if len(same) > n_trials // 2:
        same = rng.choice(same, n_trials // 2, replace=False)
    different = np.empty(0, dtype=np.int64)
    n_different = (n_utterances**2 - sum(int(n) ** 2 for n in np.bincount(speakers))) // 2
    n_wanted = min(n_trials - len(same), n_different)
    while len(different) < n_wanted:
        a, b = rng.integers(n_utterances, size=(2, 2 * n_wanted))
        a, b = np.minimum(a, b), np.maximum(a, b)
        fresh = (a * n_utterances + b)[speakers[a] != speakers[b]]
        different = np.unique(np.concatenate([different, fresh]))
    different = rng.choice(different, n_wanted, replace=False)
    keys = np.sort(np.concatenate([same, different]))
    return keys // n_utterances, keys % n_utterances


def score_trials(embeddings: NDArray[np.float32], trials: Trials) -> Floats:
    """Cosine of each pair. Embeddings are (U, E) of any length; in float64, so that threads change no bit."""
    unit = embeddings.astype(np.float64)
    unit /= np.sqrt(np.einsum("ue,ue->u", unit, unit))[:, None]
    return np.asarray(np.einsum("te,te->t", unit[trials.first], unit[trials.second]))


def min_detection_cost(scores: Floats, same: NDArray[np.bool_], target_prior: float) -> float:
    """Smallest cost over all thresholds, both errors costing 1, relative to the better blind decision (NIST SRE)."""
    false_accepts, false_rejects, _ = error_rates(scores, same)
    cost = target_prior * false_rejects + (1 - target_prior) * false_accepts
    return float(cost.min() / min(target_prior, 1 - target_prior))


def bootstrap_eer(
    scores: Floats, trials: Trials, speaker_ids: Sequence[str], n_bootstrap: int, seed: int
) -> tuple[float, float]:
    """Compute the 95 % interval of the EER, by bootstrap over the held-out speakers.

    Speakers are drawn with replacement: a trial of one speaker counts as often as the speaker was drawn, a trial of
    two as often as both were together. A draw without both kinds of trials is repeated.
    """
    speakers = np.unique(np.asarray(speaker_ids), return_inverse=True)[1]
    n_speakers = int(speakers.max()) + 1
    first, second = speakers[trials.first], speakers[trials.second]
    rng = np.random.default_rng(seed)
    rates: list[float] = []
    while len(rates) < n_bootstrap:
        counts = rng.multinomial(n_speakers, np.full(n_speakers, 1 / n_speakers))
        times = np.where(trials.same, counts[first], counts[first] * counts[second])
        drawn, same = np.repeat(scores, times), np.repeat(trials.same, times)
        if same.any() and not same.all():
            rates.append(equal_error_rate(drawn, same)[0])
    low, high = np.quantile(rates, [0.025, 0.975])
    return float(low), float(high)


def det_curve(scores: Floats, same: NDArray[np.bool_], n_points: int) -> tuple[Floats, Floats, Floats]:
    """False-accept rates, false-reject rates and thresholds, of which about `n_points` evenly along the curve."""
    false_accepts, false_rejects, thresholds = error_rates(scores, same)
    along = false_rejects - false_accepts  # rises from -1 to 1
    kept = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], n_points)))
    return false_accepts[kept], false_rejects[kept], thresholds[kept]


def speaker_map(embeddings: NDArray[np.float32], seed: int) -> Floats:
    """Utterances on a plane, near ones near: t-SNE (van der Maaten and Hinton 2008), the same for the same input.

    t-SNE because scikit-learn has it and `evaluate` needs scikit-learn for nothing else than a map; UMAP would add
    umap-learn and a compiler (numba) for the same picture.

    Args:
        embeddings: (U, E), at least 2.

    Returns:
        (U, 2)
    """
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    n_utterances = len(embeddings)
    if n_utterances < 4:  # fewer have no neighbourhoods; their first two coordinates do
        return embeddings[:, :2].astype(np.float64)
    with threadpool_limits(limits=1):  # threads change the order of sums, and t-SNE amplifies the last bit
        layout = TSNE(
            init="pca", perplexity=min(30.0, (n_utterances - 1) / 3), random_state=seed, method="exact"
        ).fit_transform(embeddings.astype(np.float64))
    return np.asarray(layout, dtype=np.float64)

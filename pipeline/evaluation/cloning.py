"""Cloning of voices that the models were not trained on: the similarity to the reference, and bounds of it.

Every figure is a cosine with the reference recordings, by the embeddings of the independent verifier. It is computed
for the synthesized speech; for the same speaker's recording of the same sentence, the result of a perfect clone; and
for other unseen speakers' recordings, of either sex and of the same sex, the results without any cloning.

A cosine alone flatters, because two people of one sex are rather alike to a verifier. So the likeness puts it on a
scale: 0 is another person of the same sex, 1 is the same person's other recording.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.sentences import Spoken
from pipeline.evaluation.voices import Heard

CLONES = ("parent", "synthesized")
SAME_SPEAKER, SAME_SEX, OTHER_SPEAKERS = "same_speaker", "same_sex", "other_speakers"
SEX_LIMIT_HZ = 165.0
"""Median fundamental frequency that parts the sexes: midway in pitch between 120 and 210 Hz, and rounded up. The corpus
table has no sex of its speakers.

Source:
    Titze 1989, doi:10.1121/1.397959: the average F0 of speaking men and women.
"""


@dataclass(frozen=True)
class ClonedVoice:
    """One unseen speaker: mean cosines with the reference over the speaker's sentences."""

    speaker_id: str
    n_sentences: int
    similarity: dict[str, float]
    """By row: the rows of `CLONES`, then the upper bound, then the lower ones."""
    has_same_sex: bool
    """Whether the row `SAME_SEX` is of others of the same sex; else there are none, and it is of all others."""


def cloned_voices(spoken: Sequence[Spoken], embedded: Heard, f0_hz: Mapping[str, float]) -> list[ClonedVoice]:
    """Compare the speech of each unseen speaker with its reference; empty if there are fewer than two speakers.

    Args:
        spoken: The sentences.
        embedded: Their embeddings.
        f0_hz: Median fundamental frequency of speakers' recordings, where it is known.
    """
    unseen = [index for index, item in enumerate(spoken) if not item.sentence.is_seen]
    speakers = np.array([spoken[index].sentence.speaker_id for index in unseen])
    if len(set(speakers.tolist())) < 2:
        return []
    references = embedded.references[unseen]
    cosines = {
        row: np.einsum("ie,je->ij", voices[unseen], references, dtype=np.float64)
        for row, voices in embedded.rows.items()
    }
    others = speakers[:, None] != speakers[None, :]
    alike = others & _same_sex(speakers.tolist(), f0_hz)
    recorded = cosines["ground_truth"]
    found = []
    for speaker in sorted(set(speakers.tolist())):
        own = np.flatnonzero(speakers == speaker)
        of_clones = {row: float(cosines[row][own, own].mean()) for row in CLONES if row in cosines}
        has_same_sex = bool(alike[:, own].any())
        lower = {
            row: float(recorded[:, own][chosen[:, own]].mean())
            for row, chosen in ((SAME_SEX, alike if has_same_sex else others), (OTHER_SPEAKERS, others))
        }
        bounds = {SAME_SPEAKER: float(recorded[own, own].mean())} | lower
        found.append(ClonedVoice(speaker, len(own), of_clones | bounds, has_same_sex))
    return found


def _same_sex(speakers: Sequence[str], f0_hz: Mapping[str, float]) -> NDArray[np.bool_]:
    """Return which pairs are of one sex; a speaker of unknown sex is in none. (N, N)"""
    pitch = np.array([f0_hz.get(speaker, np.nan) for speaker in speakers])
    high, known = pitch >= SEX_LIMIT_HZ, np.isfinite(pitch)
    return np.asarray((high[:, None] == high[None, :]) & known[:, None] & known[None, :])


def summarize_cloning(voices: Sequence[ClonedVoice], n_bootstrap: int, seed: int) -> dict[str, Any]:
    """Compute the mean over speakers for each row, and its 95 % interval by bootstrap over the speakers.

    The clones have a likeness too: how far their mean is on the way from the mean of the same sex's recordings to that
    of the same speaker's. It is absent if the second is not above the first.

    Args:
        voices: At least two.
        n_bootstrap: Draws of speakers, with replacement.
        seed: Of the draws; the same speakers are drawn for every row.
    """
    drawn = np.random.default_rng(seed).integers(len(voices), size=(n_bootstrap, len(voices)))
    values = {row: np.array([voice.similarity[row] for voice in voices]) for row in voices[0].similarity}
    summary: dict[str, Any] = {
        "n_speakers": len(voices),
        "n_sentences": sum(voice.n_sentences for voice in voices),
        "n_same_sex": sum(voice.has_same_sex for voice in voices),
    }
    for row, similarity in values.items():
        summary[row] = _with_interval("similarity_reference", similarity.mean(), similarity[drawn].mean(axis=1))
    lower, upper = values[SAME_SEX], values[SAME_SPEAKER]
    if upper.mean() > lower.mean():
        ranges = np.maximum(upper[drawn].mean(axis=1) - lower[drawn].mean(axis=1), 1e-3)
        for row in CLONES:
            if row in values:
                gains = (values[row] - lower)[drawn].mean(axis=1)
                likeness = (values[row].mean() - lower.mean()) / (upper.mean() - lower.mean())
                summary[row] |= _with_interval("likeness", likeness, gains / ranges)
    return summary


def _with_interval(key: str, value: float, drawn: NDArray[np.float64]) -> dict[str, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {key: float(value), f"{key}_low": float(low), f"{key}_high": float(high)}

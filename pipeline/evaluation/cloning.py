"""Cloning of voices that the models were not trained on: the similarity to the reference, and two bounds of it.

Every figure is a cosine with the reference recordings, by the embeddings of the independent verifier. It is computed
for the synthesized speech; for the same speaker's recording of the same sentence, the result of a perfect clone; and
for other unseen speakers' recordings, the result without any cloning.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.evaluation.sentences import Spoken
from pipeline.evaluation.voices import Heard

CLONES = ("parent", "synthesized")
SAME_SPEAKER, OTHER_SPEAKERS = "same_speaker", "other_speakers"


@dataclass(frozen=True)
class ClonedVoice:
    """One unseen speaker: mean cosines with the reference over the speaker's sentences."""

    speaker_id: str
    n_sentences: int
    similarity: dict[str, float]
    """By row: the rows of `CLONES`, then the upper bound, then the lower."""


def cloned_voices(spoken: Sequence[Spoken], heard: Heard) -> list[ClonedVoice]:
    """Compare the speech of each unseen speaker with its reference; empty if there are fewer than two speakers."""
    unseen = [index for index, item in enumerate(spoken) if not item.sentence.is_seen]
    speakers = np.array([spoken[index].sentence.speaker_id for index in unseen])
    if len(set(speakers.tolist())) < 2:
        return []
    references = heard.references[unseen]
    cosines = {
        row: np.einsum("ie,je->ij", voices[unseen], references, dtype=np.float64) for row, voices in heard.rows.items()
    }
    others = speakers[:, None] != speakers[None, :]
    recorded = cosines["ground_truth"]
    found = []
    for speaker in sorted(set(speakers.tolist())):
        own = np.flatnonzero(speakers == speaker)
        of_clones = {row: float(cosines[row][own, own].mean()) for row in CLONES if row in cosines}
        lower = recorded[:, own][others[:, own]]
        bounds = {SAME_SPEAKER: float(recorded[own, own].mean()), OTHER_SPEAKERS: float(lower.mean())}
        found.append(ClonedVoice(speaker, len(own), of_clones | bounds))
    return found


def summarize_cloning(voices: Sequence[ClonedVoice], n_bootstrap: int, seed: int) -> dict[str, Any]:
    """Compute the mean over speakers for each row, and its 95 % interval by bootstrap over the speakers.

    Args:
        voices: At least two.
        n_bootstrap: Draws of speakers, with replacement.
        seed: Of the draws; the same speakers are drawn for every row.
    """
    drawn = np.random.default_rng(seed).integers(len(voices), size=(n_bootstrap, len(voices)))
    summary: dict[str, Any] = {
        "n_speakers": len(voices),
        "n_sentences": sum(voice.n_sentences for voice in voices),
    }
    for row in voices[0].similarity:
        values = np.array([voice.similarity[row] for voice in voices])
        low, high = np.quantile(values[drawn].mean(axis=1), [0.025, 0.975])
        summary[row] = {
            "similarity_reference": float(values.mean()),
            "similarity_reference_low": float(low),
            "similarity_reference_high": float(high),
        }
    return summary

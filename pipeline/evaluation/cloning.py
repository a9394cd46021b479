"""Voices that the models have never heard, cloned: how near to the reference, between two rows that bound it.

Every figure is the cosine of the independent verifier's embeddings with that of the very recordings that the voice was
taken from: of the synthesized speech; of the same speaker's own recording of the same sentence, which is what a perfect
clone would reach; and of other unseen speakers' recordings, which is what no cloning at all would.
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
    """By row: what is in `CLONES`, then the upper row, then the lower."""


def cloned_voices(spoken: Sequence[Spoken], heard: Heard) -> list[ClonedVoice]:
    """Compare what was spoken for each unseen speaker with its reference; empty if there are not two of them."""
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
    """Mean over speakers for each row, with the 95 % interval over which speakers happened to be held out.

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

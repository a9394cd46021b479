"""Measures the voice of each row with the independent verifier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import Row, Spoken, rows_of
from pipeline.evaluation.similarity import Verifier
from pipeline.verification import equal_error_rate

Embedding = NDArray[np.float32]


@dataclass(frozen=True)
class Heard:
    """The verifier's embeddings of the sentences: unit vectors, (N, 256) each."""

    rows: dict[Row, Embedding]
    """Each row of each sentence."""
    references: Embedding
    """The recordings that each sentence's voice was taken from."""
    enrolments: Embedding
    """Embeddings of the speaker's further recordings, which gave no voice to the models."""
    bystanders: Embedding
    """Voices of the test speakers without a spoken sentence. (P, 256)"""


def blend(embeddings: Sequence[Embedding], weights: Sequence[float]) -> Embedding:
    """Compute the mean of unit vectors on the unit sphere; zero vectors, which are no voice, are ignored.

    Args:
        embeddings: (E,) each
        weights: Of each; lengths of recordings in s, say.
    """
    mean = np.einsum("n,ne->e", np.asarray(weights, dtype=np.float64), np.stack(embeddings).astype(np.float64))
    return np.asarray(mean / max(float(np.sqrt(np.einsum("e,e->", mean, mean))), 1e-9), dtype=np.float32)


def hear(
    spoken: Sequence[Spoken],
    bystanders: Sequence[Sequence[str]],
    recordings: Mapping[str, bytes],
    sample_rate: int,
) -> Heard:
    """Embed every row of every sentence, and the recordings beside them.

    Args:
        spoken: The sentences.
        bystanders: Utterances of each further test speaker.
        recordings: FLAC of references, enrolments and bystanders, by utterance_id.
        sample_rate: Of the rows, in Hz.
    """
    verifier = Verifier()
    known: dict[str, Embedding] = {}

    def mean_of(names: Sequence[str]) -> Embedding:
        for name in names:
            if name not in known:
                clip = decode_flac(recordings[name])
                known[name] = verifier.embed(clip.samples, clip.sample_rate)
        return blend([known[name] for name in names], [1.0] * len(names))

    return Heard(
        rows={
            row: np.stack([verifier.embed(item.samples[row], sample_rate) for item in spoken])
            for row in rows_of(spoken)
        },
        references=np.stack([mean_of(item.sentence.reference_ids) for item in spoken]),
        enrolments=np.stack([mean_of(item.sentence.enrolment_ids) for item in spoken]),
        bystanders=np.stack([mean_of(names) for names in bystanders]) if bystanders else np.zeros((0, 256), np.float32),
    )


def judge_voices(
    measurements: Sequence[Measurement], spoken: Sequence[Spoken], embedded: Heard
) -> tuple[list[Measurement], dict[Row, float]]:
    """Add to measurements the similarity of each row to its speaker and to others, and whether it is identified.

    Returns:
        The measurements with their similarities, and for each row the EER over all pairs of a sentence and the
        enrolment of its own or of another speaker; without rows where there are no two speakers.
    """
    speakers = np.array([item.sentence.speaker_id for item in spoken])
    # A speaker's other sentences are no trials: their enrolment may hold this very recording.
    own, others = np.eye(len(spoken), dtype=bool), speakers[:, None] != speakers[None, :]
    judged: dict[tuple[str, Row], Measurement] = {(item.utterance_id, item.row): item for item in measurements}
    rates: dict[Row, float] = {}
    for row, voices in embedded.rows.items():
        cosine = np.einsum("ie,je->ij", voices, embedded.enrolments, dtype=np.float64)
        to_reference = np.einsum("ie,ie->i", voices, embedded.references, dtype=np.float64)
        nearest = _nearest_other(voices, speakers, embedded)
        for index, item in enumerate(spoken):
            key = (item.sentence.utterance_id, row)
            judged[key] = replace(
                judged[key],
                similarity=float(cosine[index, index]),
                similarity_reference=float(to_reference[index]),
                similarity_others=float(cosine[index, others[index]].mean()) if others[index].any() else None,
                identified=bool(cosine[index, index] > nearest[index]) if np.isfinite(nearest[index]) else None,
            )
        if others.any():
            trials = own | others
            rates[row] = equal_error_rate(cosine[trials], own[trials])[0]
    return list(judged.values()), rates


def _nearest_other(voices: Embedding, speakers: NDArray[np.str_], embedded: Heard) -> NDArray[np.float64]:
    """Return the greatest cosine of each voice with another test speaker; minus infinity if there is none. (N,)"""
    people = sorted(set(speakers.tolist()))
    known = [
        blend(list(enrolled), [1.0] * len(enrolled))
        for enrolled in (embedded.enrolments[speakers == person] for person in people)
    ]
    cosine = np.einsum("ie,je->ij", voices, np.stack([*known, *embedded.bystanders]), dtype=np.float64)
    for place, person in enumerate(people):
        cosine[speakers == person, place] = -np.inf
    return np.asarray(cosine.max(axis=1))

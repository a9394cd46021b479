"""Which held-out sentences are spoken, in whose voice, and against which recordings the voice is judged."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import tables
from pipeline.evaluation.config import EvaluationError
from pipeline.evaluation.recognition import plain_words

Samples = NDArray[np.float32]
Row = Literal["ground_truth", "copy_synthesis", "synthesized"]
ROWS: tuple[Row, ...] = ("ground_truth", "copy_synthesis", "synthesized")
"""A sentence as recorded, from the recording's mel, and from text in a cloned voice."""

TEST = "test"
"""The split that nothing was trained or tuned on."""


@dataclass(frozen=True)
class Sentence:
    """One test utterance to be spoken anew."""

    utterance_id: str
    speaker_id: str
    text: str
    """Normalised, as the synthesizer reads it."""
    reference_id: str
    """Another utterance of the speaker, which gives the voice."""
    enrolment_ids: tuple[str, ...]
    """Further ones, which neither side has heard: the verifier knows the speaker by them."""


@dataclass(frozen=True)
class Spoken:
    """One sentence in its three rows."""

    sentence: Sentence
    samples: dict[Row, Samples]
    """At the acoustic mel's rate. (S,) each"""
    alignment: NDArray[np.float32]
    """Where the synthesizer looked. (T', L)"""
    truncated: bool
    """Whether it had to be cut off."""
    diagonality: float
    focus_rate: float
    coverage: float


@dataclass(frozen=True)
class CorpusPart:
    """How much of a corpus is in a split."""

    corpus: str
    split: str
    n_speakers: int
    n_utterances: int
    hours: float


@dataclass(frozen=True)
class Overview:
    """The corpus without its audio."""

    parts: tuple[CorpusPart, ...]
    test: tuple[dict[str, Any], ...]
    """Rows of the test split with utterance_id, speaker_id, normalized_text and shard, sorted by utterance_id."""


def read_overview(corpus: Path) -> Overview:
    """Count the corpus and list its test split.

    Raises:
        EvaluationError: If nothing is held out for tests.
    """
    columns = ["utterance_id", "corpus", "split", "speaker_id", "normalized_text", "duration_s"]
    speakers: dict[tuple[str, str], set[str]] = {}
    durations: dict[tuple[str, str], list[float]] = {}
    test = []
    for shard in tables.shards(corpus):
        for row in tables.iter_rows(shard, columns, batch_rows=4096):
            part = (row["corpus"], row["split"])
            speakers.setdefault(part, set()).add(row["speaker_id"])
            durations.setdefault(part, []).append(row["duration_s"])
            if row["split"] == TEST:
                test.append(row | {"shard": shard.name})
    if not test:
        raise EvaluationError(
            f'no utterance of {corpus} is in split "{TEST}", so nothing is held out to evaluate on; name a subset in '
            "ingest.split.by_subset, or raise ingest.split.test_fraction"
        )
    parts = [
        CorpusPart(*part, len(speakers[part]), len(found), round(float(np.sum(found)) / 3600, 4))
        for part, found in sorted(durations.items())
    ]
    return Overview(tuple(parts), tuple(sorted(test, key=lambda row: str(row["utterance_id"]))))


def choose_sentences(test: Sequence[dict[str, Any]], n_sentences: int, n_enrolment: int, seed: int) -> list[Sentence]:
    """Draw sentences, in turn from each speaker with at least three utterances.

    Args:
        test: Rows of the test split, in a fixed order.
        n_sentences: At most; fewer if the split has no more.
        n_enrolment: Utterances of a speaker's enrolment at most.
        seed: Of the draw.

    Raises:
        EvaluationError: If no speaker has one utterance to speak, one to give the voice and one to judge it by.
    """
    by_speaker: dict[str, list[dict[str, Any]]] = {}
    for row in test:
        if plain_words(row["normalized_text"]):
            by_speaker.setdefault(row["speaker_id"], []).append(row)
    rng = np.random.default_rng(seed)
    queues = []
    for _, rows in sorted(by_speaker.items()):
        if len(rows) >= 3:
            order = [rows[index] for index in rng.permutation(len(rows))]
            queues.append([_sentence(order, place, n_enrolment) for place in range(len(order))])
    if not queues:
        raise EvaluationError(
            'no speaker of split "test" has three utterances: one to speak, one for the voice, one to judge it by; '
            "hold out speakers with more"
        )
    longest = max(len(queue) for queue in queues)
    in_turn = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return in_turn[:n_sentences]


def _sentence(order: list[dict[str, Any]], place: int, n_enrolment: int) -> Sentence:
    own, reference, *others = order[place:] + order[:place]
    return Sentence(
        utterance_id=own["utterance_id"],
        speaker_id=own["speaker_id"],
        text=own["normalized_text"],
        reference_id=reference["utterance_id"],
        enrolment_ids=tuple(row["utterance_id"] for row in others[:n_enrolment]),
    )


def read_column(folder: Path, shards: set[str], column: str, wanted: set[str]) -> dict[str, Any]:
    """Read one column for some utterances, from the shards that hold them only.

    Raises:
        EvaluationError: If an utterance is not there.
    """
    found = {
        row["utterance_id"]: row[column]
        for shard in sorted(shards)
        for row in tables.iter_rows(folder / shard, ["utterance_id", column])
        if row["utterance_id"] in wanted
    }
    if missing := wanted - found.keys():
        raise EvaluationError(
            f"{folder} lacks {len(missing)} utterances of the corpus, {min(missing)} among them; run `dvc repro`"
        )
    return found

"""Chooses the held-out sentences, their voices, and the recordings by which the voices are judged."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline import tables
from pipeline.evaluation.config import EvaluationError, SpeechTestConfig
from pipeline.evaluation.recognition import plain_words

logger = logging.getLogger(__name__)

Samples = NDArray[np.float32]
Row = Literal["ground_truth", "copy_synthesis_griffin_lim", "copy_synthesis", "parent", "synthesized"]
ROWS: tuple[Row, ...] = ("ground_truth", "copy_synthesis_griffin_lim", "copy_synthesis", "parent", "synthesized")
"""The rows of a sentence: the recording; copies from the recording's mel, by Griffin-Lim (if the vocoder is another
one) and by the vocoder; speech from text in a cloned voice, by the release that the training started from (if there was
one) and by the trained models."""

TEST = "test"
"""The split whose utterances nothing was trained or tuned on."""
TRAIN = "train"


@dataclass(frozen=True)
class Sentence:
    """One test utterance to be spoken anew."""

    utterance_id: str
    speaker_id: str
    text: str
    """Normalised, as the synthesizer reads it."""
    reference_ids: tuple[str, ...]
    """Other utterances of the speaker, which give the voice."""
    enrolment_ids: tuple[str, ...]
    """Further utterances of the speaker, which give the verifier its embedding of the voice. The models do not use
    them."""
    is_seen: bool
    """Whether other utterances of the speaker were trained on."""


@dataclass(frozen=True)
class Reading:
    """How a synthesizer read a text."""

    alignment: NDArray[np.float32]
    """Its alignment. (T', L)"""
    truncated: bool
    """Whether it was cut off."""
    diagonality: float
    focus_rate: float
    coverage: float


@dataclass(frozen=True)
class Spoken:
    """One sentence in its rows."""

    sentence: Sentence
    samples: dict[Row, Samples]
    """At the acoustic mel's rate, in the order of `ROWS`. (S,) each"""
    readings: dict[Row, Reading]
    """Of the rows that were made of text."""


def rows_of(spoken: Sequence[Spoken]) -> tuple[Row, ...]:
    """The rows that there are; the same for every sentence."""
    return tuple(row for row in ROWS if row in spoken[0].samples)


@dataclass(frozen=True)
class CorpusPart:
    """The size of a corpus in a split."""

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
    """Rows of the test split that have a text, with utterance_id, speaker_id, normalized_text, duration_s and shard,
    sorted by utterance_id."""
    trained: frozenset[str]
    """Speakers of whom there are utterances in the training split too."""

    @property
    def n_speakers(self) -> int:
        """Speakers of the test split."""
        return len({row["speaker_id"] for row in self.test})

    @property
    def n_seen_speakers(self) -> int:
        """Number of those whose other utterances were trained on."""
        return len({row["speaker_id"] for row in self.test} & self.trained)


def read_overview(corpus: Path) -> Overview:
    """Count the corpus and list its test split.

    Raises:
        EvaluationError: If nothing is held out for tests.
    """
    columns = ["utterance_id", "corpus", "split", "speaker_id", "normalized_text", "duration_s"]
    speakers: dict[tuple[str, str], set[str]] = {}
    durations: dict[tuple[str, str], list[float]] = {}
    test: list[dict[str, Any]] = []
    n_without_text = 0
    for shard in tables.shards(corpus):
        for row in tables.iter_rows(shard, columns, batch_rows=4096):
            part = (row["corpus"], row["split"])
            speakers.setdefault(part, set()).add(row["speaker_id"])
            durations.setdefault(part, []).append(row["duration_s"])
            if row["split"] == TEST:
                n_without_text += row["normalized_text"] == ""
                test += [row | {"shard": shard.name}] if row["normalized_text"] != "" else []
    if n_without_text:
        logger.info("split=%s skipped=%d: utterances without text test the encoder alone", TEST, n_without_text)
    if not test:
        raise EvaluationError(
            f'no utterance of {corpus} with a text is in split "{TEST}", so nothing is held out to evaluate on; name a '
            "subset in ingest.split.by_subset or by_speaker, or raise ingest.split.test_fraction"
        )
    parts = [
        CorpusPart(*part, len(speakers[part]), len(found), round(float(np.sum(found)) / 3600, 4))
        for part, found in sorted(durations.items())
    ]
    trained = frozenset(speaker for (_, split), found in speakers.items() if split == TRAIN for speaker in found)
    return Overview(tuple(parts), tuple(sorted(test, key=lambda row: str(row["utterance_id"]))), trained)


def choose_sentences(overview: Overview, config: SpeechTestConfig, seed: int) -> list[Sentence]:
    """Draw test sentences, in turn from each speaker with at least three utterances; fewer if there are no more.

    Raises:
        EvaluationError: If no speaker has one utterance to speak, one to give the voice and one to judge it by.
    """
    by_speaker: dict[str, list[dict[str, Any]]] = {}
    for row in overview.test:
        if plain_words(row["normalized_text"]):
            by_speaker.setdefault(row["speaker_id"], []).append(row)
    rng = np.random.default_rng(seed)
    queues = []
    for speaker, rows in sorted(by_speaker.items()):
        if len(rows) >= 3:
            order = [rows[index] for index in rng.permutation(len(rows))]
            is_seen = speaker in overview.trained
            queues.append([_sentence(order, place, config, is_seen) for place in range(len(order))])
    if not queues:
        raise EvaluationError(
            'no speaker of split "test" has three utterances: one to speak, one for the voice, one to judge it by; '
            "hold out speakers with more"
        )
    longest = max(len(queue) for queue in queues)
    in_turn = [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)]
    return in_turn[: config.n_sentences]


def choose_bystanders(
    overview: Overview, sentences: Sequence[Sentence], config: SpeechTestConfig
) -> list[tuple[str, ...]]:
    """Choose utterances of each test speaker without a spoken sentence. A clone must not be taken for one of them."""
    spoken = {sentence.speaker_id for sentence in sentences}
    by_speaker: dict[str, list[str]] = {}
    for row in overview.test:
        if row["speaker_id"] not in spoken:
            by_speaker.setdefault(row["speaker_id"], []).append(row["utterance_id"])
    return [tuple(names[: config.n_enrolment]) for _, names in sorted(by_speaker.items())]


def _sentence(order: list[dict[str, Any]], place: int, config: SpeechTestConfig, is_seen: bool) -> Sentence:
    own, *others = order[place:] + order[:place]
    n_references, heard_s = 0, 0.0
    while n_references < max(1, len(others) // 2) and (n_references == 0 or heard_s < config.reference_s):
        heard_s += others[n_references]["duration_s"]
        n_references += 1
    names = [row["utterance_id"] for row in others]
    return Sentence(
        utterance_id=own["utterance_id"],
        speaker_id=own["speaker_id"],
        text=own["normalized_text"],
        reference_ids=tuple(names[:n_references]),
        enrolment_ids=tuple(names[n_references : n_references + config.n_enrolment]),
        is_seen=is_seen,
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

"""What is measured on each row of a sentence, and what that comes to over all sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac
from peewee_model.audio.mel import MelConfig
from pipeline import engine
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.distortion import waveform_distortion
from pipeline.evaluation.recognition import PocketSphinx, transcription_error_rates
from pipeline.evaluation.sentences import ROWS, Row, Samples, Sentence, Spoken
from pipeline.evaluation.similarity import Verifier
from pipeline.verification import equal_error_rate

_SENTENCES_PER_TASK = 4


@dataclass(frozen=True)
class Measurement:
    """One row of one sentence. None is what was not measured, or has no meaning for the row."""

    utterance_id: str
    speaker_id: str
    row: Row
    text: str
    duration_s: float
    length_ratio: float
    """Against the recording."""
    recognized: str | None = None
    cer: float | None = None
    wer: float | None = None
    mcd_db: float | None = None
    similarity: float | None = None
    """Cosine with the speaker's enrolment, by the independent verifier."""
    similarity_others: float | None = None
    """Mean cosine with other speakers' enrolments."""
    truncated: bool | None = None
    stop_failure: bool | None = None
    diagonality: float | None = None
    focus_rate: float | None = None
    coverage: float | None = None


@dataclass(frozen=True)
class Task:
    """Sentences that one worker measures with one recognizer."""

    sentences: tuple[tuple[str, dict[Row, Samples]], ...]
    """Text, and samples by row."""
    mel: MelConfig
    recognizer: str

    def __str__(self) -> str:
        return f"the sentence {self.sentences[0][0]!r} and {len(self.sentences) - 1} more"


def measure(spoken: Sequence[Spoken], config: SpeechTestConfig, mel: MelConfig) -> list[Measurement]:
    """Measure every row of every sentence, but for the voice; in worker processes, with the same result as in one."""
    items = tuple((item.sentence.text, item.samples) for item in spoken)
    tasks = [
        Task(items[start : start + _SENTENCES_PER_TASK], mel, config.recognizer)
        for start in range(0, len(items), _SENTENCES_PER_TASK)
    ]
    found = [rows for task in engine.map_shards(measure_task, tasks, engine.workers()) for rows in task]
    return [
        replace(_plain(item, row, config, mel), **figures[row])
        for item, figures in zip(spoken, found, strict=True)
        for row in ROWS
    ]


def _plain(item: Spoken, row: Row, config: SpeechTestConfig, mel: MelConfig) -> Measurement:
    n_samples, n_recorded = len(item.samples[row]), len(item.samples["ground_truth"])
    ratio = n_samples / n_recorded
    sentence = item.sentence
    measurement = Measurement(
        sentence.utterance_id, sentence.speaker_id, row, sentence.text, n_samples / mel.sample_rate, ratio
    )
    if row != "synthesized":
        return measurement
    return replace(
        measurement,
        truncated=item.truncated,
        stop_failure=item.truncated or not config.min_length_ratio <= ratio <= config.max_length_ratio,
        diagonality=item.diagonality,
        focus_rate=item.focus_rate,
        coverage=item.coverage,
    )


def measure_task(task: Task) -> list[dict[Row, dict[str, Any]]]:
    """Recognize every row, and compare those that were made with the recording. Runs in a worker."""
    recognizer = PocketSphinx() if task.recognizer == "pocketsphinx" else None
    measured = []
    for text, samples in task.sentences:
        of_rows: dict[Row, dict[str, Any]] = {}
        for row in ROWS:
            figures: dict[str, Any] = {}
            if recognizer:
                figures["recognized"] = recognizer.recognize(samples[row], task.mel.sample_rate)
                figures["cer"], figures["wer"] = transcription_error_rates([text], [figures["recognized"]])
            if row != "ground_truth" and len(samples[row]):
                figures["mcd_db"] = waveform_distortion(samples[row], samples["ground_truth"], task.mel)
            of_rows[row] = figures
        measured.append(of_rows)
    return measured


def judge_voices(
    measurements: Sequence[Measurement], spoken: Sequence[Spoken], recordings: Mapping[str, bytes], sample_rate: int
) -> tuple[list[Measurement], dict[Row, float]]:
    """Ask the independent verifier about every row.

    Args:
        measurements: As `measure` gives them.
        spoken: The sentences.
        recordings: FLAC of the enrolments, by utterance_id.
        sample_rate: Of the rows.

    Returns:
        The measurements with their similarities, and for each row the EER over all pairs of a sentence and the
        enrolment of its own or of another speaker; without rows where there are no two speakers.
    """
    verifier = Verifier()
    embedded = {
        name: verifier.embed(clip.samples, clip.sample_rate)
        for name in sorted({name for item in spoken for name in item.sentence.enrolment_ids})
        for clip in [decode_flac(recordings[name])]
    }
    enrolments = np.stack([_enrolment(item.sentence, embedded) for item in spoken])
    speakers = np.array([item.sentence.speaker_id for item in spoken])
    # A speaker's other sentences are no trials: their enrolment may hold this very recording.
    own, others = np.eye(len(spoken), dtype=bool), speakers[:, None] != speakers[None, :]
    judged: dict[tuple[str, Row], Measurement] = {(item.utterance_id, item.row): item for item in measurements}
    rates: dict[Row, float] = {}
    for row in ROWS:
        voices = np.stack([verifier.embed(item.samples[row], sample_rate) for item in spoken])
        cosine = np.einsum("ie,je->ij", voices, enrolments, dtype=np.float64)
        for index, item in enumerate(spoken):
            key = (item.sentence.utterance_id, row)
            judged[key] = replace(judged[key], similarity=float(cosine[index, index]))
            if others[index].any():
                judged[key] = replace(judged[key], similarity_others=float(cosine[index, others[index]].mean()))
        if others.any():
            trials = own | others
            rates[row] = equal_error_rate(cosine[trials], own[trials])[0]
    return list(judged.values()), rates


def _enrolment(sentence: Sentence, embedded: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float32]:
    mean = np.mean([embedded[name] for name in sentence.enrolment_ids], axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)


def summarize(
    measurements: Sequence[Measurement], verification_eer: Mapping[Row, float]
) -> dict[str, dict[str, float]]:
    """Each row's figures over all sentences; what was not measured is not there.

    Error rates are edits over all sentences by length of all texts, the others means.
    """
    summary: dict[str, dict[str, float]] = {}
    for row in ROWS:
        of_row = [item for item in measurements if item.row == row]
        figures: dict[str, float] = {}
        heard = [(item.text, item.recognized) for item in of_row if item.recognized is not None]
        if heard:
            figures["cer"], figures["wer"] = transcription_error_rates(*map(list, zip(*heard, strict=True)))
        for name in (
            "mcd_db",
            "similarity",
            "similarity_others",
            "diagonality",
            "focus_rate",
            "coverage",
            "length_ratio",
        ):
            values = [value for item in of_row if (value := getattr(item, name)) is not None]
            if values:
                figures[name] = float(np.mean(values))
        for name, flag in (("truncated", "truncated"), ("stop_failures", "stop_failure")):
            flags = [value for item in of_row if (value := getattr(item, flag)) is not None]
            if flags:
                figures[name] = sum(flags) / len(flags)
        if row in verification_eer:
            figures["verification_eer"] = verification_eer[row]
        summary[row] = figures
    return summary

"""The measurements of each row of a sentence, and their summary over all sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from peewee_model.audio.mel import MelConfig
from pipeline import engine
from pipeline.evaluation import metrics
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.distortion import waveform_distortion
from pipeline.evaluation.recognition import PocketSphinx, plain_words, transcription_error_rates
from pipeline.evaluation.sentences import ROWS, Row, Samples, Spoken

if TYPE_CHECKING:
    import pandas as pd

_SENTENCES_PER_TASK = 4


@dataclass(frozen=True)
class Measurement:
    """Measurements of one row of one sentence. None: not measured, or not defined for the row."""

    utterance_id: str
    speaker_id: str
    is_seen: bool
    """Whether other utterances of the speaker were trained on."""
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
    similarity_reference: float | None = None
    """Cosine with the recordings that the voice was taken from."""
    similarity_others: float | None = None
    """Mean cosine with other speakers' enrolments."""
    truncated: bool | None = None
    stop_failure: bool | None = None
    diagonality: float | None = None
    focus_rate: float | None = None
    coverage: float | None = None
    aligned: bool | None = None
    """Whether the attention is diagonal enough."""


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
    """Measure every row of every sentence, except the voice. The number of worker processes changes no result."""
    items = tuple((item.sentence.text, item.samples) for item in spoken)
    tasks = [
        Task(items[start : start + _SENTENCES_PER_TASK], mel, config.recognizer)
        for start in range(0, len(items), _SENTENCES_PER_TASK)
    ]
    found = [rows for task in engine.map_shards(measure_task, tasks, engine.workers()) for rows in task]
    return [
        replace(_plain(item, row, config, mel), **figures[row])
        for item, figures in zip(spoken, found, strict=True)
        for row in item.samples
    ]


def _plain(item: Spoken, row: Row, config: SpeechTestConfig, mel: MelConfig) -> Measurement:
    n_samples, n_recorded = len(item.samples[row]), len(item.samples["ground_truth"])
    ratio = n_samples / n_recorded
    sentence = item.sentence
    measurement = Measurement(
        utterance_id=sentence.utterance_id,
        speaker_id=sentence.speaker_id,
        is_seen=sentence.is_seen,
        row=row,
        text=sentence.text,
        duration_s=n_samples / mel.sample_rate,
        length_ratio=ratio,
    )
    reading = item.readings.get(row)
    if reading is None:
        return measurement
    return replace(
        measurement,
        truncated=reading.truncated,
        stop_failure=reading.truncated or not config.min_length_ratio <= ratio <= config.max_length_ratio,
        diagonality=reading.diagonality,
        focus_rate=reading.focus_rate,
        coverage=reading.coverage,
        aligned=reading.diagonality >= config.min_diagonality,
    )


def measure_task(task: Task) -> list[dict[Row, dict[str, Any]]]:
    """Recognize every row, and compare the generated rows with the recording. Runs in a worker."""
    recognizer = PocketSphinx() if task.recognizer == "pocketsphinx" else None
    measured = []
    for text, samples in task.sentences:
        of_rows: dict[Row, dict[str, Any]] = {}
        for row in samples:
            figures: dict[str, Any] = {}
            if recognizer:
                figures["recognized"] = recognizer.recognize(samples[row], task.mel.sample_rate)
                figures["cer"], figures["wer"] = transcription_error_rates([text], [figures["recognized"]])
            if row != "ground_truth" and len(samples[row]):
                figures["mcd_db"] = waveform_distortion(samples[row], samples["ground_truth"], task.mel)
            of_rows[row] = figures
        measured.append(of_rows)
    return measured


def summarize(
    measurements: Sequence[Measurement], verification_eer: Mapping[Row, float], n_bootstrap: int, seed: int
) -> dict[Row, dict[str, float]]:
    """Each row's figures over all sentences; what was not measured is left out.

    Error rates are all edits divided by the length of all texts. The character error rate has a 95 % interval, from
    drawing sentences with replacement. The other figures are means and shares: the entries of `METRICS` with a
    `mean_of`. `cer_ratio` is the character error rate divided by that of copy-synthesis, for rows made from text.
    """
    import pandas as pd  # here, so that the processes that measure do not wait for it

    frame = pd.DataFrame([vars(item) for item in measurements])
    fields = {metric.key: metric.mean_of for metric in metrics.METRICS if metric.mean_of}
    means = frame[[*fields.values()]].astype(float).groupby(frame["row"]).mean()
    summary: dict[Row, dict[str, float]] = {}
    for row in ROWS:
        if row in means.index:
            found = means.loc[row].dropna().to_dict()
            summary[row] = _error_rates(frame[frame["row"] == row], n_bootstrap, seed)
            summary[row] |= {key: float(found[field]) for key, field in fields.items() if field in found}
            if row in verification_eer:
                summary[row]["verification_eer"] = verification_eer[row]
    copied = summary["copy_synthesis"].get("cer")
    for figures in summary.values():
        if copied and "cer" in figures and "stop_failures" in figures:
            figures["cer_ratio"] = figures["cer"] / copied
    return summary


def _error_rates(of_row: "pd.DataFrame", n_bootstrap: int, seed: int) -> dict[str, float]:
    written = of_row.dropna(subset=["recognized", "cer"])
    if written.empty:
        return {}
    cer, wer = transcription_error_rates(written["text"].tolist(), written["recognized"].tolist())
    lengths = written["text"].map(lambda text: len(plain_words(text))).to_numpy(dtype=np.float64)
    edits = lengths * written["cer"].to_numpy(dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(len(written), size=(n_bootstrap, len(written)))
    low, high = np.quantile(edits[drawn].sum(axis=1) / lengths[drawn].sum(axis=1), [0.025, 0.975])
    return {"cer": cer, "cer_low": float(low), "cer_high": float(high), "wer": wer}

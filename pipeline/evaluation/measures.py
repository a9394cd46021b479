"""The measurements of each row of a sentence, and their summary over all sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.mel import MelConfig
from pipeline import engine
from pipeline.evaluation import metrics
from pipeline.evaluation.config import SpeechTestConfig
from pipeline.evaluation.distortion import waveform_distortion
from pipeline.evaluation.judges.panel import PanelConfig, load_panel
from pipeline.evaluation.recognition import compared_words, transcription_error_rates
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
    dnsmos: float | None = None
    distill_mos: float | None = None
    f0_hz: float | None = None
    """Median of the fundamental frequency."""
    f0_deviation: float | None = None
    """Standard deviation of the fundamental frequency in semitones."""
    voiced: float | None = None
    """Share of frames that are voiced."""
    harmonic_ripple: float | None = None
    """How far the log-mel of voiced frames is from its envelope, in dB."""
    pace: float | None = None
    """Characters a second."""
    mcd_db: float | None = None
    similarity: float | None = None
    """Cosine with the speaker's enrolment, by the independent verifier."""
    similarity_reference: float | None = None
    """Cosine with the recordings that the voice was taken from."""
    similarity_others: float | None = None
    """Mean cosine with other speakers' enrolments."""
    identified: bool | None = None
    """Whether the speaker's enrolment is nearer than that of every other test speaker."""
    truncated: bool | None = None
    stop_failure: bool | None = None
    diagonality: float | None = None
    focus_rate: float | None = None
    coverage: float | None = None
    aligned: bool | None = None
    """Whether the attention is diagonal enough."""


@dataclass(frozen=True)
class Task:
    """Sentences that one worker measures."""

    sentences: tuple[tuple[str, dict[Row, Samples]], ...]
    """Text, and samples by row."""
    mel: MelConfig
    panel: PanelConfig

    def __str__(self) -> str:
        return f"the sentence {self.sentences[0][0]!r} and {len(self.sentences) - 1} more"


def measure(spoken: Sequence[Spoken], config: SpeechTestConfig, mel: MelConfig, language: str) -> list[Measurement]:
    """Measure every row of every sentence, except the voice. The number of worker processes changes no result.

    Raises:
        JudgeError: If a model that judges is not installed, or its files are not the expected ones.
    """
    panel = PanelConfig.of(config, language)
    items = tuple((item.sentence.text, item.samples) for item in spoken)
    tasks = [
        Task(items[start : start + _SENTENCES_PER_TASK], mel, panel)
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
    """Judge every row, and compare the generated rows with the recording. Runs in a worker."""
    panel = load_panel(task.panel)
    measured = []
    for text, samples in task.sentences:
        of_rows: dict[Row, dict[str, Any]] = {}
        for row in samples:
            figures = panel.judge(text, samples[row], task.mel.sample_rate)
            if row != "ground_truth" and len(samples[row]):
                figures["mcd_db"] = waveform_distortion(samples[row], samples["ground_truth"], task.mel)
            of_rows[row] = figures
        measured.append(of_rows)
    return measured


def summarize(
    measurements: Sequence[Measurement],
    verification_eer: Mapping[Row, float],
    n_bootstrap: int,
    seed: int,
    language: str = "en-us",
) -> dict[Row, dict[str, float]]:
    """Each row's figures over all sentences; what was not measured is left out.

    Error rates are `transcription_error_rates`. The other figures are means and shares: the entries of
    `METRICS` with a `mean_of`. The character error rate and the entries with `has_interval` have a 95 % interval, from
    drawing sentences with replacement. `cer_ratio` is the character error rate divided by that of copy-synthesis, for
    rows made from text.
    """
    import pandas as pd  # here, so that the processes that measure do not wait for it

    frame = pd.DataFrame([vars(item) for item in measurements])
    fields = {metric.key: metric.mean_of for metric in metrics.METRICS if metric.mean_of}
    means = frame[[*fields.values()]].astype(float).groupby(frame["row"]).mean()
    summary: dict[Row, dict[str, float]] = {}
    for row in ROWS:
        if row in means.index:
            found, of_row = means.loc[row].dropna().to_dict(), frame[frame["row"] == row]
            summary[row] = _error_rates(of_row, n_bootstrap, seed, language)
            summary[row] |= {key: float(found[field]) for key, field in fields.items() if field in found}
            for metric in metrics.METRICS:
                if metric.has_interval and metric.mean_of in found:
                    summary[row] |= _interval(metric.key, of_row[metric.mean_of], n_bootstrap, seed)
            if row in verification_eer:
                summary[row]["verification_eer"] = verification_eer[row]
    copied = summary["copy_synthesis"].get("cer")
    for figures in summary.values():
        if copied and "cer" in figures and "stop_failures" in figures:
            figures["cer_ratio"] = figures["cer"] / copied
    return summary


def _error_rates(of_row: "pd.DataFrame", n_bootstrap: int, seed: int, language: str) -> dict[str, float]:
    written = of_row.dropna(subset=["recognized", "cer"])
    if written.empty:
        return {}
    cer, wer = transcription_error_rates(written["text"].tolist(), written["recognized"].tolist(), language)
    lengths = written["text"].map(lambda text: len(compared_words(text, language))).to_numpy(dtype=np.float64)
    edits = lengths * written["cer"].to_numpy(dtype=np.float64)
    drawn = _draws(len(written), n_bootstrap, seed)
    low, high = np.quantile(edits[drawn].sum(axis=1) / lengths[drawn].sum(axis=1), [0.025, 0.975])
    return {"cer": cer, "cer_low": float(low), "cer_high": float(high), "wer": wer}


def _interval(key: str, column: "pd.Series[float]", n_bootstrap: int, seed: int) -> dict[str, float]:
    values = column.dropna().to_numpy(dtype=np.float64)
    low, high = np.quantile(values[_draws(len(values), n_bootstrap, seed)].mean(axis=1), [0.025, 0.975])
    return {f"{key}_low": float(low), f"{key}_high": float(high)}


def _draws(n_sentences: int, n_bootstrap: int, seed: int) -> NDArray[np.int64]:
    """Draw sentences with replacement. (D, N)"""
    return np.random.default_rng(seed).integers(n_sentences, size=(n_bootstrap, n_sentences))

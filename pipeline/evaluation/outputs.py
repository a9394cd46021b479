"""The files of `evaluate` under `reports/` beside the page: metrics as JSON, tables for `dvc plots`, and audio."""

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from peewee_model import environment
from peewee_model.audio.clip import encode_flac
from peewee_model.marking.mark import mark
from pipeline.evaluation.cloning import ClonedVoice
from pipeline.evaluation.lengths import ReadSentence
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import Row, Samples, Spoken
from pipeline.evaluation.speakers import Floats, Trials
from pipeline.evaluation.training_curves import Curves

_DECIMALS = 6
"""Digits beyond these are the machine's, not the model's."""


def rounded(value: Any) -> Any:
    """Round every number of nested data."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    return round(value, _DECIMALS) if isinstance(value, float) else value


def write_json(path: Path, document: Any) -> None:
    """Write data as JSON, the same bytes for the same data; a number that is not finite is an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(rounded(document), indent=2, sort_keys=True, allow_nan=False, ensure_ascii=False)
    path.write_text(text + "\n", encoding="utf-8")


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; None is an empty cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([rounded(cell) for cell in row] for row in rows)


def write_trials(path: Path, utterance_ids: Sequence[str], trials: Trials, scores: Floats) -> None:
    """The fixed list of pairs, with what each scored."""
    pairs = zip(trials.first.tolist(), trials.second.tolist(), trials.same.tolist(), scores.tolist(), strict=True)
    write_csv(
        path,
        ["first", "second", "same_speaker", "score"],
        ([utterance_ids[a], utterance_ids[b], int(same), score] for a, b, same, score in pairs),
    )


def write_det(path: Path, curve: tuple[Floats, Floats, Floats]) -> None:
    """The DET curve; the last threshold, which accepts nothing, is an empty cell."""
    rows = ([*point[:2], point[2] if np.isfinite(point[2]) else None] for point in np.column_stack(curve).tolist())
    write_csv(path, ["false_accept_rate", "false_reject_rate", "threshold"], rows)


def write_map(path: Path, utterance_ids: Sequence[str], speaker_ids: Sequence[str], layout: Floats) -> None:
    """The speaker map."""
    rows = zip(utterance_ids, speaker_ids, *layout.T.tolist(), strict=True)
    write_csv(path, ["utterance_id", "speaker_id", "x", "y"], rows)


def write_measurements(path: Path, measurements: Sequence[Measurement]) -> None:
    """A row for each row of each sentence."""
    names = [field.name for field in fields(Measurement)]
    write_csv(path, names, (list(asdict(item).values()) for item in measurements))


def write_cloning(path: Path, voices: Sequence[ClonedVoice]) -> None:
    """A row an unseen speaker, of whom there is at least one."""
    rows = list(voices[0].similarity)
    write_csv(
        path,
        ["speaker_id", "n_sentences", *rows],
        ([voice.speaker_id, voice.n_sentences, *voice.similarity.values()] for voice in voices),
    )


def write_lengths(path: Path, sentences: Sequence[ReadSentence]) -> None:
    """A row a sentence, by rising length."""
    names = [field.name for field in fields(ReadSentence)]
    write_csv(path, names, (list(asdict(item).values()) for item in sentences))


def write_curves(folder: Path, model: str, curves: Curves) -> None:
    """A file a metric and split of a training, `training_<model>_<metric>_<split>.csv`.

    Not a column a split: `dvc plots` would draw the steps at which one of them was not measured as zeros.
    """
    for metric, lines in curves.items():
        for split, (steps, values) in lines.items():
            rows = zip(steps.astype(int).tolist(), values.tolist(), strict=True)
            write_csv(folder / f"training_{model}_{metric}_{split}.csv", ["step", metric], rows)


def write_audio(folder: Path, spoken: Sequence[Spoken], sample_rate: int) -> list[dict[str, bytes]]:
    """The samples' rows as FLAC files; returns their content by row."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for item in spoken:
        flac = {
            row: encode_flac(_audible(_marked(row, samples, sample_rate)), sample_rate)
            for row, samples in item.samples.items()
        }
        for row, content in flac.items():
            (folder / f"{item.sentence.utterance_id}_{row}.flac").write_bytes(content)
        written.append({str(row): content for row, content in flac.items()})
    return written


def _marked(row: Row, samples: Samples, sample_rate: int) -> Samples:
    """Mark what was not recorded as synthetic, by the key that everybody knows: files must not depend on a machine."""
    return samples if row == "ground_truth" else mark(samples, sample_rate, str(environment.MARK_KEY.default))


def _audible(samples: Samples) -> Samples:
    """Scale samples down if they would clip; return one silent sample if there are none."""
    peak = float(np.abs(samples).max(initial=0.0))
    if not len(samples):
        return np.zeros(1, dtype=np.float32)
    return samples / np.float32(peak) if peak > 1 else samples

"""Tests the speaker encoder on speakers that it was not trained on: metrics, and data for plots."""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import tables
from pipeline.evaluation import outputs, plots, speakers
from pipeline.evaluation.config import SpeakerTestConfig
from pipeline.evaluation.sentences import TEST
from pipeline.verification import equal_error_rate

_DET_POINTS = 200
_NO_TRIALS = (
    "fewer than two speakers with two test utterances each are unknown to the encoder; to measure it, hold out "
    "speakers as a whole in ingest.split"
)


@dataclass(frozen=True)
class SpeakerTest:
    """Results of the speaker test."""

    metrics: dict[str, Any]
    """If there are fewer than two speakers, only counts and `not_measured`, which explains why."""
    det_svg: str | None
    map_svg: str | None


def verify_speakers(
    embeddings: Path, trained: Set[str], config: SpeakerTestConfig, seed: int, tables_folder: Path
) -> SpeakerTest:
    """Score the trials of the test split's unseen speakers, and write trials, DET curve and map as tables.

    Args:
        embeddings: The table of utterance embeddings.
        trained: Speakers of whom other utterances were trained on: they are left out.
        config: How many trials, draws and points.
        seed: Of the trials, the bootstrap and the map.
        tables_folder: Where the tables go.
    """
    rows = sorted(
        (row for row in tables.iter_rows(embeddings) if row["split"] == TEST and row["speaker_id"] not in trained),
        key=lambda row: str(row["utterance_id"]),
    )
    names, voices = [row["utterance_id"] for row in rows], [row["speaker_id"] for row in rows]
    counts = {"n_speakers": len(set(voices)), "n_utterances": len(rows)}
    if sum(n_utterances >= 2 for n_utterances in Counter(voices).values()) < 2:
        return SpeakerTest(counts | {"not_measured": _NO_TRIALS}, None, None)
    trials = speakers.make_trials(voices, config.n_trials, seed)
    vectors = np.stack([row["embedding"] for row in rows])
    scores = speakers.score_trials(vectors, trials)
    eer, threshold = equal_error_rate(scores, trials.same)
    low, high = speakers.bootstrap_eer(scores, trials, voices, config.n_bootstrap, seed)
    curve = speakers.det_curve(scores, trials.same, _DET_POINTS)
    shown = _evenly(len(rows), config.n_map_utterances)
    layout = speakers.speaker_map(vectors[shown], seed)
    shown_names, shown_voices = [names[index] for index in shown], [voices[index] for index in shown]
    outputs.write_trials(tables_folder / "trials.csv", names, trials, scores)
    outputs.write_det(tables_folder / "det.csv", curve)
    outputs.write_map(tables_folder / "speaker_map.csv", shown_names, shown_voices, layout)
    metrics = counts | {
        "eer": eer,
        "eer_low": low,
        "eer_high": high,
        "threshold": threshold,
        "min_dcf": speakers.min_detection_cost(scores, trials.same, config.target_prior),
        "n_trials": len(trials),
        "n_same": int(trials.same.sum()),
        "n_different": int((~trials.same).sum()),
    }
    return SpeakerTest(metrics, plots.det_figure(*curve[:2], eer), plots.map_figure(layout, shown_voices))


def _evenly(n_rows: int, n_wanted: int) -> Sequence[int]:
    """Choose rows to show if there are too many: evenly and in order, so that every speaker keeps its share."""
    return np.unique(np.linspace(0, n_rows - 1, min(n_rows, n_wanted)).round().astype(int)).tolist()  # type: ignore[no-any-return]

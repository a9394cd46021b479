"""Reads the records of the trainings: `models/<model>/training.jsonl`."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.config import EvaluationError

Floats = NDArray[np.float64]
Curves = dict[str, dict[str, tuple[Floats, Floats]]]
"""Metric -> split -> (steps, values)."""

_FIRST = ("loss", "eer", "diagonality", "coverage")


def read_curves(folder: Path) -> Curves:
    """Read a model's training; empty if it had none (Griffin-Lim).

    Raises:
        EvaluationError: If a line is no JSON object with a step and a split.
    """
    path = folder / "training.jsonl"
    if not path.exists():
        return {}
    points: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(line)
            step, split = float(row["step"]), str(row["split"])
        except (ValueError, KeyError, TypeError):
            raise EvaluationError(f"{path}, line {number}: no JSON object with step and split; train again") from None
        for metric, value in row.items():
            if metric not in ("step", "split") and isinstance(value, int | float) and np.isfinite(value):
                points.setdefault(metric, {}).setdefault(split, []).append((step, float(value)))
    order = sorted(points, key=lambda metric: (_FIRST.index(metric) if metric in _FIRST else len(_FIRST), metric))
    return {metric: {split: _columns(found) for split, found in sorted(points[metric].items())} for metric in order}


def _columns(points: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    steps, values = np.array(points, dtype=np.float64).T
    return steps, values


def n_steps(curves: Curves) -> int:
    """Return the last step of the record; 0 if it is empty."""
    return int(max((steps[-1] for lines in curves.values() for steps, _ in lines.values()), default=0))

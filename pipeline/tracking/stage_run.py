"""A stage's run in MLflow, as the stage's process sees it: it writes events, and another process sends them.

MLflow is not loaded here. `tracked` does nothing unless MLFLOW_TRACKING_URI is set. Nothing in it can stop a stage.
"""

import contextlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from peewee_model.errors import PeeweeError, TryAgainError
from pipeline.graph.stages import outputs
from pipeline.paths import METRICS
from pipeline.tracking.description import describe
from pipeline.tracking.settings import DEFAULTS, TRACKING_URI
from pipeline.tracking.spool import ROOT, Spool, waiting

logger = logging.getLogger(__name__)

LISTENED = "pipeline.training"
"""The logger of the training loop, and of what is in its room."""
END_S, STOPPED_S = 30.0, 5.0
"""The longest time that a stage waits at its end until all is sent; the second, if it was stopped."""
_WRONG = (OSError, PeeweeError, LookupError, TypeError, AttributeError)
"""What a wrong params.yaml, or a disk that is full, raises. The stage's own message says it better."""
_MODELS = (".json", ".jsonl")
_MOST_BYTES = 32 << 20
"""Of a file that is sent. Weights are not sent: releases hold them."""


def is_tracked(stage: str) -> bool:
    """Return whether a stage has a run of its own: the trainings and the evaluation."""
    return stage.startswith("train") or stage == "evaluate"


@contextlib.contextmanager
def tracked(stage: str, definition: Mapping[str, Any]) -> Iterator[None]:
    """Track a stage while the block runs, and send what earlier stages could not send.

    Args:
        stage: Its name.
        definition: Its entry in dvc.yaml.
    """
    first = os.environ.get("RANK", "0") == "0"  # of several processes (torchrun)
    run = _begin(stage, definition) if first and TRACKING_URI.is_set() else None
    if run is None:
        yield
        return
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except (KeyboardInterrupt, TryAgainError):
        status = "KILLED"
        raise
    finally:
        run.end(status)


def _begin(stage: str, definition: Mapping[str, Any]) -> "_Run | None":
    if not is_tracked(stage) and not waiting(ROOT):
        return None
    try:
        return _Run(stage, definition)
    except _WRONG as error:
        logger.warning("%s is not tracked: %s: %s", stage, type(error).__name__, error)
        return None


class _Run(logging.Handler):
    """Writes the events of a stage, and receives the training loop's log for that."""

    def __init__(self, stage: str, definition: Mapping[str, Any]) -> None:
        super().__init__()
        self._stage, self._definition = stage, definition
        self._spool: Spool | None = None
        if is_tracked(stage):
            described = describe(stage, definition)
            self._spool = Spool(ROOT, stage)
            self._spool.add("start", **described)
        self._sender = _start_sender(self._spool.folder if self._spool else None)
        logging.getLogger(LISTENED).addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Write what the training loop logs."""
        if training := getattr(record, "training", None):
            self._add("training", run=training)
        elif losses := getattr(record, "losses", None):
            values = {f"{split}/{name}": value for split, found in losses.items() for name, value in found.items()}
            self._add("metrics", step=getattr(record, "step", 0), values=values)

    def _add(self, kind: str, **values: Any) -> None:
        if self._spool:
            try:
                self._spool.add(kind, **values)
            except OSError as error:
                self._lose(error)

    def _lose(self, error: OSError) -> None:
        logger.warning("tracking ends here: %s can't be written: %s", ROOT, error.strerror)
        self._spool = None

    def end(self, status: str) -> None:
        """Write the stage's results, and wait until all is sent, but not for long."""
        logging.getLogger(LISTENED).removeHandler(self)
        try:
            if self._spool and status == "FINISHED":
                self._add_results(self._spool)
            self._add("end", status=status)
            if self._spool:
                self._spool.close()
        except OSError as error:
            self._lose(error)
        self._wait(END_S if status == "FINISHED" else STOPPED_S)

    def _add_results(self, spool: Spool) -> None:
        outs = [Path(out) for out in outputs(dict(self._definition))]
        if METRICS in outs:
            spool.add("metrics", step=0, values=dict(_numbers(json.loads(METRICS.read_bytes()))))
        for out in outs:
            for path in sorted(out.rglob("*")) if out.is_dir() else [out]:
                wanted = out.parts[0] == "reports" or path.suffix in _MODELS
                if wanted and path.is_file() and path.stat().st_size <= _MOST_BYTES:
                    spool.add_file(path)

    def _wait(self, seconds: float) -> None:
        if self._sender is None or self._sender.stdin is None:
            return
        with contextlib.suppress(OSError):
            self._sender.stdin.close()
        try:
            self._sender.wait(seconds)
        except subprocess.TimeoutExpired:
            self._sender.kill()
            self._sender.wait()
            logger.warning("MLflow does not have all yet: %s is sent by the next stage", ROOT)


def _start_sender(own: Path | None) -> "subprocess.Popen[bytes] | None":
    """Start the process that sends; it ends when the pipe to it closes, in whatever way this process ends."""
    command = [sys.executable, "-m", "pipeline.tracking.sender", *([str(own)] if own else [])]
    try:
        return subprocess.Popen(command, stdin=subprocess.PIPE, env={**DEFAULTS, **os.environ})
    except OSError as error:
        logger.warning("what is tracked stays in %s: %s", ROOT, error)
        return None


def _numbers(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, float]]:
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{prefix}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield prefix + name, float(value)

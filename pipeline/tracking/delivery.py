"""Events of a spool into MLflow. Only this module and `registry` load MLflow, and only in processes made for it."""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peewee_model.errors import TryAgainError
from pipeline.tracking.settings import EXPERIMENT
from pipeline.tracking.spool import FILES, Event

logger = logging.getLogger(__name__)

_METRICS_A_CALL, _PARAMS_A_CALL = 1000, 100
_DIGEST = 36
"""Characters of a dataset's digest in MLflow; the whole SHA-256 is in a tag."""
TRAINING = "training"
"""The tag with the training's own id, `<stage>/<fingerprint>`: a training that is resumed is found by it."""


class NotReceivedError(TryAgainError):
    """MLflow could not be reached; the events are sent later."""


class Delivery:
    """A client of the tracking server.

    Raises:
        NotReceivedError: By each method, if the server can't be reached.
    """

    def __init__(self) -> None:
        if find_spec("mlflow") is None:
            raise NotReceivedError("mlflow is not installed; pip install 'peewee-tts[mlflow]'")
        from mlflow import MlflowClient

        self._client: Any = _asked(MlflowClient)
        self._experiment = ""
        self._monitor: Any = None

    @property
    def experiment(self) -> str:
        """The id of the experiment, which is made if it is not there."""
        if not self._experiment:
            self._experiment = str(_asked(self._find_experiment))
        return self._experiment

    def _find_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        name = EXPERIMENT.text()
        if found := self._client.get_experiment_by_name(name):
            return str(found.experiment_id)
        try:
            return str(self._client.create_experiment(name))
        except MlflowException:
            if found := self._client.get_experiment_by_name(name):  # another stage was faster
                return str(found.experiment_id)
            raise

    def open_run(self, start: Event, training: str | None) -> str:
        """Continue the run of a training that has not finished, or begin one; return its id."""
        known: str | None = _asked(lambda: self._unfinished(str(training))) if training else None
        if known:
            _asked(lambda: self._client.update_run(known, status="RUNNING"))
            return known
        tags = start["tags"] | ({TRAINING: training} if training else {})
        made = _asked(
            lambda: self._client.create_run(
                self.experiment, start_time=start["time_ms"], tags=tags, run_name=start["name"]
            )
        )
        run = str(made.info.run_id)
        self._describe(run, start)
        return run

    def _unfinished(self, training: str) -> str | None:
        query = f"tags.{TRAINING} = '{training}' and attributes.status != 'FINISHED'"
        order = ["attributes.start_time DESC"]
        found = self._client.search_runs([self.experiment], query, max_results=1, order_by=order)
        return str(found[0].info.run_id) if found else None

    def _describe(self, run: str, start: Event) -> None:
        from mlflow.entities import Dataset, DatasetInput, InputTag, Param

        params = [Param(name, text) for name, text in start["params"].items()]
        for first in range(0, len(params), _PARAMS_A_CALL):
            some = params[first : first + _PARAMS_A_CALL]
            _received("parameters", partial(self._client.log_batch, run, params=some))
        inputs = [
            DatasetInput(
                Dataset(item["name"], item["sha256"][:_DIGEST], "http", json.dumps({"url": item["url"]})),
                [InputTag("mlflow.data.context", "training")]
                + [InputTag(name, item[name]) for name in ("sha256", "licence")],
            )
            for item in start["inputs"]
        ]
        _received("datasets", lambda: self._client.log_inputs(run, inputs))

    def add_metrics(self, run: str, events: Sequence[Event]) -> None:
        """Send metrics, each with its step and the time at which it was measured."""
        from mlflow.entities import Metric

        metrics = [
            Metric(name, value, event["time_ms"], event["step"])
            for event in events
            for name, value in event["values"].items()
        ]
        for first in range(0, len(metrics), _METRICS_A_CALL):
            some = metrics[first : first + _METRICS_A_CALL]
            _received("metrics", partial(self._client.log_batch, run, metrics=some))

    def add_file(self, run: str, folder: Path, event: Event) -> None:
        """Send a file that the stage wrote."""
        path = Path(event["path"])
        parent = path.parent.as_posix()
        _received(event["path"], lambda: self._client.log_artifact(run, str(folder / FILES / path), parent))

    def add_folder(self, run: str, folder: Path) -> None:
        """Send a folder, under its own path."""
        _asked(lambda: self._client.log_artifacts(run, str(folder), folder.as_posix()))

    def end(self, run: str, status: str, time_ms: int | None = None) -> None:
        """Say how the stage ended."""
        self.unwatch()
        _asked(lambda: self._client.set_terminated(run, status, time_ms))

    def watch(self, run: str) -> None:
        """Log the machine's load every ten seconds, until the run ends, if psutil is installed."""
        if self._monitor is None and find_spec("psutil"):
            from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

            monitor: Any = SystemMetricsMonitor
            self._monitor = _asked(partial(monitor, run, resume_logging=True))
            self._monitor.start()

    def unwatch(self) -> None:
        """End the log of the machine's load."""
        if self._monitor:
            self._monitor.finish()
            self._monitor = None


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:  # of requests, of SQLAlchemy or of MLflow, by the kind of server
        raise NotReceivedError(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}") from error


def _received(what: str, call: Callable[[], Any]) -> None:
    """Send something; what MLflow refuses would be refused for ever, so it is named and left out."""
    try:
        _asked(call)
    except NotReceivedError as error:
        status = getattr(error.__cause__, "get_http_status_code", lambda: 500)()
        if not 400 <= status < 500 or status in (408, 429):
            raise
        logger.warning("MLflow refuses %s: %s", what, error)

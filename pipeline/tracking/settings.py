"""The environment variables of MLflow that this project reads. The names are MLflow's own."""

from peewee_model.environment import Variable
from peewee_model.public_text import masked

TRACKING_URI = Variable("MLFLOW_TRACKING_URI", "The tracking server; without it, nothing is tracked.")
EXPERIMENT = Variable("MLFLOW_EXPERIMENT_NAME", "The experiment of all runs.", "peewee-tts")
PARENT_RUN = Variable("MLFLOW_RUN_ID", "The run of `mlflow run`, to which the stages' runs belong; MLflow sets it.")

DEFAULTS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
}
"""For each process in which we load MLflow: alone, it tries seven times and prints each run's page."""

PAGE = "mlflow_run"
"""A file in PEEWEE_OUTCOMES: the page of the stage's run."""


def run_page(experiment: str, run: str) -> str:
    """Return the address of a run's page; without a server, the run's id and where it is kept."""
    address = masked(TRACKING_URI.read() or "").rstrip("/")
    if address.startswith(("http://", "https://")):
        return f"{address}/#/experiments/{experiment}/runs/{run}"
    return f"{run} in {address}"

"""A trained model as artifacts of a run: what `mlflow run -P save_model=true` asks for."""

import os
from pathlib import Path

from pipeline.tracking.delivery import Delivery
from pipeline.tracking.settings import DEFAULTS


def save_weights(run: str, folder: Path) -> None:
    """Send a model's folder: weights (safetensors), config and history.

    Raises:
        NotReceivedError: If MLflow can't be reached.
    """
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)  # before MLflow is loaded
    Delivery().add_folder(run, folder)

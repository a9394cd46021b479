"""Weights of a release as the start of a training or, with 0 steps, as its result."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from torch import nn

from peewee_model.errors import ConfigError
from peewee_model.networks.weights import WeightType, load_weights, save_model
from pipeline.training.loop.loop import write_history

logger = logging.getLogger(__name__)


def start_from(folder: Path, module: nn.Module, config: BaseModel) -> None:
    """Fill a module with a release's weights, in place, before its training. Statistics of its data are copied too.

    So the module keeps the mel statistics that the weights were trained with, not those of the new corpus.

    Args:
        folder: The model in the release.
        module: Made for the config.
        config: What params.yaml and the mels at hand ask for.

    Raises:
        ConfigError: If the release's model is another one; every field that differs is named.
        ShapeError: If weights and config of the release do not fit together.
    """
    check_same_model(folder, config)
    load_weights(folder, module)
    logger.info("weights_of=%s", folder)


def keep_weights(folder: Path | None, target: Path, module: nn.Module, config: BaseModel, dtype: WeightType) -> None:
    """Make a release's model the result, with a history of no steps. It needs no data.

    Args:
        folder: The model in the release; None if params.yaml names none to start from.
        target: The stage's output.
        module: Made for the config.
        config: What params.yaml and the mels at hand ask for.
        dtype: To save in.

    Raises:
        ConfigError: If there is no model to keep, or it is another one.
        ShapeError: If weights and config of the release do not fit together.
    """
    if folder is None:
        raise ConfigError(
            f"params.yaml: schedule.steps of the {target.name} is 0, which keeps the weights of a release, but "
            f"base.parts does not name {target.name}; name it and base.release, or ask for steps"
        )
    start_from(folder, module, config)
    if os.environ.get("RANK", "0") == "0":  # of several processes (torchrun) the first writes
        save_model(target, module, config, dtype)
        write_history(target / "training.jsonl", [])


def check_same_model(folder: Path, config: BaseModel) -> None:
    """Compare what a release's model is with what is asked for.

    Raises:
        ConfigError: Names every field that differs, and both values.
    """
    found, asked = dict(_flat(_read(folder, type(config)))), dict(_flat(config.model_dump(mode="json")))
    differing = [
        f"{field} is {found.get(field, 'absent')} there, {asked.get(field, 'absent')} here"
        for field in sorted(found.keys() | asked.keys())
        if found.get(field) != asked.get(field)
    ]
    if differing:
        raise ConfigError(
            f"{folder} is not the model that params.yaml and the mels ask for: {'; '.join(differing)}. Ask for the "
            f"release's, or take {folder.name} out of base.parts"
        )


def _read(folder: Path, kind: type[BaseModel]) -> dict[str, Any]:
    """A model's config as plain data; what it does not say has its default, if it is of the same kind."""
    path = folder / "config.json"
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} can't be read: {error}; run `dvc repro fetch_base`") from None
    try:
        return kind.model_validate(found).model_dump(mode="json")
    except ValidationError:
        return found


def _flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield prefix + name, value

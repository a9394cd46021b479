"""Reads the stages of dvc.yaml, their outputs, and the edges between them."""

from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from pipeline.params.yaml_file import read_yaml

GRAPH = Path("dvc.yaml")
LOCK = Path("dvc.lock")


def load_stages(path: Path = GRAPH) -> dict[str, dict[str, Any]]:
    """Read the stages of dvc.yaml.

    Raises:
        ConfigError: If the file is missing or is not YAML, or has no stages.
    """
    stages = read_yaml(path).get("stages")
    if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
        raise ConfigError(f"{path} has no mapping `stages` of mappings; restore it")
    return stages


def outputs(stage: dict[str, Any]) -> list[str]:
    """Name the paths that a stage writes: outs, metrics and plots."""
    items = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def edges(stages: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Name each stage's upstream stages, in the order of dvc.yaml: those that write a path it depends on."""
    maker = {path: name for name, stage in stages.items() for path in outputs(stage)}
    return {
        name: [other for other in stages if other in {maker[dep] for dep in stage.get("deps", []) if dep in maker}]
        for name, stage in stages.items()
    }

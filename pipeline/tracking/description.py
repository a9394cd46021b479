"""What a run in MLflow says about its stage before it begins: parameters, tags, data."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.errors import PeeweeError
from peewee_model.public_text import masked, without_secrets
from peewee_model.release.manifest import hash_file
from pipeline.params.params import PARAMS_FILE
from pipeline.params.yaml_file import read_yaml
from pipeline.release.git import git
from pipeline.tracking.settings import PARENT_RUN

REQUIREMENTS = Path("requirements.lock")
_MOST_CHARACTERS = 6000
"""Of a parameter's value in MLflow."""


def describe(stage: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a stage that begins now, in the current folder.

    Args:
        stage: Its name.
        definition: Its entry in dvc.yaml.

    Returns:
        `name`, `params`, `tags`, `inputs` and `resumes`: whether it may continue an earlier run. Plain data.
    """
    params = read_yaml(PARAMS_FILE)
    inputs = list(_inputs(params))
    digests = {f"dataset.{item['name']}.sha256": item["sha256"] for item in inputs}
    return {
        "name": stage,
        "resumes": stage.startswith("train"),
        "params": dict(_flat({name: params[name] for name in definition.get("params", [])})),
        "tags": _tags(stage) | digests,
        "inputs": inputs,
    }


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{prefix}.{name}" if prefix else str(name))
    else:
        text = without_secrets(value)
        yield prefix, (text if isinstance(text, str) else json.dumps(text))[:_MOST_CHARACTERS]


def _inputs(params: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Name the archives that the stage's data comes from; `ingest` refuses an archive with another hash."""
    for source in params.get("corpus", {}).get("sources", ()):
        name = f"{source['corpus']}-{source['subset']}"
        piece = source.get("piece")
        yield {
            "name": f"{name}-{piece}" if piece else name,
            "sha256": source["sha256"],
            "url": masked(source["url"]),
            "licence": source["licence"],
        }


def _tags(stage: str) -> dict[str, str]:
    found = {
        "stage": stage,
        "mlflow.source.name": f"python -m pipeline {stage}",
        "mlflow.source.type": "PROJECT",
        "mlflow.user": environment.user_name(),
        "mlflow.source.git.commit": _commit(),
        "requirements.sha256": hash_file(REQUIREMENTS).sha256 if REQUIREMENTS.is_file() else None,
        "run": environment.RUN.read(),
        "task_page": environment.TASK_PAGE.read(),
        "mlflow.parentRunId": PARENT_RUN.read(),
        "processes": os.environ.get("WORLD_SIZE"),
    }
    return {name: text for name, text in found.items() if text}


def _commit() -> str | None:
    try:
        commit = git(Path(), "rev-parse", "HEAD")
        return f"{commit}-dirty" if git(Path(), "status", "--porcelain", "--untracked-files=no") else commit
    except PeeweeError:
        return None  # an export of the project without its history

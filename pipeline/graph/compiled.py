"""dags/graph.json: dvc.yaml in the form that runners need, so that a DAG file imports no package of this project.

`make graph` writes it, a test compares. The Airflow DAGs and the Kubeflow pipeline are built from it alone.
"""

import json
import re
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from pipeline.graph.stages import edges, load_stages

FILE = Path("dags/graph.json")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_KEYS = {"gpu", "cpu", "memory", "timeout", "retries", "launcher", "network"}
_LAUNCHERS = (None, "torchrun")


def compile_graph(stages: dict[str, dict[str, Any]]) -> bytes:
    """Write the graph as JSON: sorted, the same bytes each time.

    Raises:
        ConfigError: If a stage's `meta` lacks a key, or has a wrong value; stage and key are named.
    """
    upstream = edges(stages)
    document = {
        "format": 1,
        "stages": {
            name: {
                "desc": stage["desc"],
                "cmd": stage["cmd"],
                "upstream": sorted(upstream[name]),
                "meta": _meta(name, stage.get("meta", {})),
            }
            for name, stage in stages.items()
        },
    }
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _meta(name: str, meta: dict[str, Any]) -> dict[str, Any]:
    for key in sorted(meta.keys() - _KEYS):
        raise ConfigError(f"dvc.yaml: {name}: meta.{key} is unknown; runners know {', '.join(sorted(_KEYS))}")
    for key in ("gpu", "cpu", "retries"):
        if not isinstance(meta.get(key), int) or meta[key] < 0:
            raise ConfigError(f"dvc.yaml: {name}: meta.{key} is {meta.get(key)!r}; write a whole number")
    if meta.get("launcher") not in _LAUNCHERS:
        raise ConfigError(f"dvc.yaml: {name}: meta.launcher is {meta['launcher']!r}; write torchrun, or leave it out")
    return {
        "gpu": meta["gpu"],
        "cpu": meta["cpu"],
        "memory": meta.get("memory"),
        "memory_bytes": _quantity(name, "memory", meta.get("memory"), _BYTES, "32Gi"),
        "timeout": meta.get("timeout"),
        "timeout_s": _quantity(name, "timeout", meta.get("timeout"), _SECONDS, "72h"),
        "retries": meta["retries"],
        "launcher": meta.get("launcher"),
        "network": bool(meta.get("network", False)),
    }


def _quantity(name: str, key: str, value: Any, units: dict[str, int], example: str) -> int:
    found = re.fullmatch(rf"([1-9][0-9]*)({'|'.join(units)})", str(value))
    if not found:
        raise ConfigError(f"dvc.yaml: {name}: meta.{key} is {value!r}; write a number and its unit, as {example}")
    return int(found[1]) * units[found[2]]


if __name__ == "__main__":
    FILE.write_bytes(compile_graph(load_stages()))

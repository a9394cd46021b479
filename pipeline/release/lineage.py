"""The lineage of a result: dvc.lock's record of every stage before it.

dvc.lock may contain outdated entries: of stages that were removed, or that ran before another change. So exactly the
ancestors of a stage are read, and each must agree with dvc.yaml and with the entries of its neighbours.
"""

from typing import Any

from peewee_model.errors import PeeweeError
from peewee_model.public_text import without_secrets
from peewee_model.release.manifest import Edge, StageEntry
from pipeline.graph.stages import LOCK, edges, load_stages, outputs
from pipeline.params.params import PARAMS_FILE
from pipeline.params.yaml_file import load_yaml

_REMEDY = "run `dvc repro`"


class LineageError(PeeweeError):
    """dvc.lock does not record how the present files were made."""


def read_lineage(stage: str) -> dict[str, StageEntry]:
    """Read the record of every ancestor of a stage from dvc.lock; secrets in URLs are hidden.

    Raises:
        LineageError: If an ancestor has no record, or one that does not fit; the stage and the path are named.
    """
    stages = load_stages()
    try:
        lock = load_yaml(LOCK.read_bytes()) or {}
    except FileNotFoundError:
        raise LineageError(f"{LOCK} is missing, so it is not known what the models were made of; {_REMEDY}") from None
    locked = lock.get("stages") or {}
    lineage = {name: _entry(name, stages[name], locked) for name in ancestors(stage, stages)}
    _check_edges(lineage)
    return lineage


def ancestors(stage: str, stages: dict[str, dict[str, Any]]) -> list[str]:
    """List the stages that a stage depends on, directly or not, in the order of dvc.yaml."""
    upstream = edges(stages)
    found: set[str] = set()
    waiting = list(upstream[stage])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += upstream[name]
    return [name for name in stages if name in found]


def merge_params(lineage: dict[str, StageEntry]) -> dict[str, Any]:
    """Join the parameters that the stages ran with, by section.

    Raises:
        LineageError: If two stages ran with different values of one parameter.
    """
    merged: dict[str, Any] = {}
    reader: dict[str, str] = {}
    for name, entry in lineage.items():
        for section, value in entry.params.items():
            if merged.setdefault(section, value) != value:
                raise LineageError(f"{LOCK}: {reader[section]} and {name} ran with different `{section}`; {_REMEDY}")
            reader[section] = name
    return merged


def _entry(name: str, stage: dict[str, Any], locked: dict[str, Any]) -> StageEntry:
    entry = locked.get(name)
    if entry is None:
        raise LineageError(f"{LOCK} has no record of stage {name}; {_REMEDY}")
    if entry["cmd"] != stage["cmd"]:
        raise LineageError(f"{LOCK}: stage {name} ran `{entry['cmd']}`, dvc.yaml has `{stage['cmd']}`; {_REMEDY}")
    deps = _edges(name, "deps", entry, stage.get("deps", []))
    outs = _edges(name, "outs", entry, outputs(stage))
    params = entry.get("params", {}).get(str(PARAMS_FILE), {})
    return StageEntry(cmd=entry["cmd"], deps=deps, params=without_secrets(params), outs=outs)


def _edges(name: str, side: str, entry: dict[str, Any], expected: list[str]) -> tuple[Edge, ...]:
    found = {item["path"]: item for item in entry.get(side, [])}
    for path in sorted(found.keys() ^ set(expected)):
        where = f"{LOCK} but not in dvc.yaml" if path in found else f"dvc.yaml but not in {LOCK}"
        raise LineageError(f"stage {name}: {path} is in the {side} of {where}; {_REMEDY}")
    return tuple(
        Edge(
            path=path,
            algorithm=item.get("hash", "md5"),
            hash=item[item.get("hash", "md5")],
            size=item.get("size"),
            n_files=item.get("nfiles"),
        )
        for path, item in sorted(found.items())
    )


def _check_edges(lineage: dict[str, StageEntry]) -> None:
    """Check that each file that a stage read has the hash that its maker wrote."""
    written = {edge.path: (name, edge) for name, entry in lineage.items() for edge in entry.outs}
    read: dict[str, tuple[str, Edge]] = {}
    for name, entry in lineage.items():
        for edge in entry.deps:
            maker, made = written.get(edge.path) or read.setdefault(edge.path, (name, edge))
            if made.hash != edge.hash:
                verb = "wrote" if edge.path in written else "read"
                raise LineageError(
                    f"{LOCK}: {maker} {verb} {edge.path} {made.hash}, but {name} read {edge.hash}; {_REMEDY}"
                )

"""Compares dvc.lock and dvc.yaml of the workspace with the lineage of a release."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee_model.public_text import without_secrets
from peewee_model.release.manifest import Edge, StageEntry
from pipeline.audit.finding import Finding
from pipeline.graph import stages as graph
from pipeline.graph.stages import outputs
from pipeline.params.params import PARAMS_FILE
from pipeline.params.yaml_file import YAMLError, load_yaml

LOCK, GRAPH = str(graph.LOCK), str(graph.GRAPH)


def read_stages(root: Path, name: str) -> dict[str, Any] | Finding | None:
    """Read the stages of dvc.lock or dvc.yaml; None if the file does not exist."""
    try:
        document = load_yaml((root / name).read_bytes())
        stages = (document or {}).get("stages") or {}
        if not isinstance(stages, dict) or not all(isinstance(stage, dict) for stage in stages.values()):
            raise ValueError("its stages are no mapping")
    except FileNotFoundError:
        return None
    except (YAMLError, ValueError, AttributeError) as error:
        return Finding("workspace", name, "stages in YAML", " ".join(str(error).split()))
    return stages


def check_lock(stage: str, entry: StageEntry, locked: dict[str, Any]) -> Iterator[Finding]:
    """Compare dvc.lock's record of a stage with the release's."""
    found = locked.get(stage)
    if found is None:
        yield _differs(LOCK, stage, "a record of it", None)
        return
    if found.get("cmd") != entry.cmd:
        yield _differs(LOCK, f"{stage}.cmd", repr(entry.cmd), repr(found.get("cmd")))
    for side, edges in (("deps", entry.deps), ("outs", entry.outs)):
        items = found.get(side) or []
        recorded = {item.get("path"): item for item in items if isinstance(item, dict)}
        for edge in edges:
            here = recorded.pop(edge.path, None)
            if here is None or _hash(here) != edge.hash:
                path = f"{stage}.{side} {edge.path}"
                yield _differs(LOCK, path, f"{edge.algorithm} {edge.hash}", _hash(here) if here else None)
            elif not _same_counts(here, edge):
                found_counts = f"{here.get('size')} bytes in {here.get('nfiles', 1)} files"
                expected = f"{edge.size} bytes in {edge.n_files or 1} files"
                yield _differs(LOCK, f"{stage}.{side} {edge.path}", expected, found_counts)
        for path in sorted(map(str, recorded)):
            yield _differs(LOCK, f"{stage}.{side} {path}", "nothing of that name", "an entry")
    params = without_secrets((found.get("params") or {}).get(str(PARAMS_FILE)) or {})
    for section in sorted(params.keys() | entry.params.keys()):
        if params.get(section) != entry.params.get(section):
            path, expected, here = _first_difference(section, entry.params.get(section), params.get(section))
            yield _differs(LOCK, f"{stage}.params {path}", repr(expected), repr(here))


def check_graph(stage: str, entry: StageEntry, stages: dict[str, Any]) -> Iterator[Finding]:
    """Compare a stage of dvc.yaml with the stage as it ran for the release."""
    found = stages.get(stage)
    if found is None:
        yield _differs(GRAPH, stage, "the stage", None)
        return
    if found.get("cmd") != entry.cmd:
        yield _differs(GRAPH, f"{stage}.cmd", repr(entry.cmd), repr(found.get("cmd")))
    for side, edges, names in (
        ("deps", entry.deps, set(found.get("deps") or [])),
        ("outs", entry.outs, set(outputs(found))),
    ):
        ran = {edge.path for edge in edges}
        for path in sorted(ran ^ names):
            differs = (path, None) if path in ran else ("nothing of that name", path)
            yield _differs(GRAPH, f"{stage}.{side} {path}", *differs)


def edge_of(locked: dict[str, Any], stage: str, path: str) -> Edge | None:
    """Read one output of dvc.lock. The release does not confirm this record."""
    for item in (locked.get(stage) or {}).get("outs") or []:
        if isinstance(item, dict) and item.get("path") == path and isinstance(item.get("md5"), str):
            return Edge(path=path, algorithm="md5", hash=item["md5"], size=None, n_files=None)
    return None


def _hash(item: dict[str, Any]) -> str | None:
    value = item.get(item.get("hash", "md5"))
    return value if isinstance(value, str) else None


def _same_counts(item: dict[str, Any], edge: Edge) -> bool:
    return (item.get("size"), item.get("nfiles")) == (edge.size, edge.n_files)


def _first_difference(path: str, expected: Any, found: Any) -> tuple[str, Any, Any]:
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in sorted(expected.keys() | found.keys()):
            if expected.get(key) != found.get(key):
                return _first_difference(f"{path}.{key}", expected.get(key), found.get(key))
    return path, expected, found


def _differs(file: str, where: str, expected: str, found: str | None) -> Finding:
    return Finding("workspace", f"{file}: {where}", expected, found or "none")

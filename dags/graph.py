"""Reads the graph for runners: graph.json, which is compiled from dvc.yaml."""

import json
from dataclasses import dataclass
from pathlib import Path

GRAPH = Path(__file__).parent / "graph.json"
FORMAT = 1


@dataclass(frozen=True)
class Stage:
    """One step, and its requirements."""

    name: str
    desc: str
    """Its purpose, in a sentence."""
    cmd: str
    """Its command, which is shown to people and never called by a runner."""
    upstream: tuple[str, ...]
    """The stages that write what it reads."""
    gpu: int
    cpu: int
    memory: str
    """As Kubernetes writes it: `32Gi`."""
    timeout_s: int
    retries: int
    launcher: str | None
    """`torchrun`, if several processes can share its work."""
    network: bool
    """Whether it uses the network beyond DVC's remote."""


@dataclass(frozen=True)
class Needs:
    """The resources of a task, its time limit and its retries."""

    gpu: int = 0
    cpu: int = 2
    memory: str = "2Gi"
    timeout_s: int = 3600
    retries: int = 3

    @classmethod
    def of(cls, stage: Stage) -> "Needs":
        """Read them from the graph."""
        return cls(stage.gpu, stage.cpu, stage.memory, stage.timeout_s, stage.retries)


PLAN = Needs()
SEAL = Needs(retries=5)


def load_graph(path: Path = GRAPH) -> dict[str, Stage]:
    """Read the stages, each after all that it depends on.

    Raises:
        ValueError: If the file has another format, or an edge names an unknown stage, or edges form a circle.
    """
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise ValueError(f"{path} is of format {document.get('format')!r}, not {FORMAT}; compile it anew from dvc.yaml")
    waiting = {name: _stage(name, entry) for name, entry in document["stages"].items()}
    ordered: dict[str, Stage] = {}
    while waiting:
        ready = [stage for _, stage in sorted(waiting.items()) if all(other in ordered for other in stage.upstream)]
        if not ready:
            raise ValueError(f"{path}: {', '.join(sorted(waiting))} wait for each other or for a stage that is missing")
        for stage in ready:
            ordered[stage.name] = waiting.pop(stage.name)
    return ordered


def last_stages(stages: dict[str, Stage]) -> list[str]:
    """List the stages that no other stage depends on."""
    awaited = {other for stage in stages.values() for other in stage.upstream}
    return [name for name in stages if name not in awaited]


def _stage(name: str, entry: dict[str, object]) -> Stage:
    meta = entry["meta"]
    upstream = entry["upstream"]
    assert isinstance(meta, dict)
    assert isinstance(upstream, list)
    return Stage(
        name=name,
        desc=str(entry["desc"]),
        cmd=str(entry["cmd"]),
        upstream=tuple(upstream),
        gpu=meta["gpu"],
        cpu=meta["cpu"],
        memory=meta["memory"],
        timeout_s=meta["timeout_s"],
        retries=meta["retries"],
        launcher=meta["launcher"],
        network=meta["network"],
    )

"""dags/graph.json: dvc.yaml, and nothing else, for runners."""

import json

import pytest

from peewee_model.errors import ConfigError
from pipeline.graph.compiled import FILE, compile_graph
from pipeline.graph.stages import edges, load_stages
from tests.closure import ROOT

STAGES = load_stages(ROOT / "dvc.yaml")


def test_committed_graph_is_the_one_of_today():
    """`make graph` was run."""
    assert (ROOT / FILE).read_bytes() == compile_graph(STAGES)


def test_graph_has_every_stage_with_its_command_and_edges():
    """What a runner needs to know of each stage."""
    graph = json.loads(compile_graph(STAGES))
    assert graph["stages"].keys() == STAGES.keys()
    for name, stage in graph["stages"].items():
        assert stage["cmd"] == f"python -m pipeline {name}"
        assert stage["upstream"] == sorted(edges(STAGES)[name])
        assert stage["desc"]
    assert graph["stages"]["train_encoder"]["meta"] == {
        "cpu": 8,
        "gpu": 1,
        "launcher": "torchrun",
        "memory": "32Gi",
        "memory_bytes": 32 * 2**30,
        "network": False,
        "retries": 2,
        "timeout": "72h",
        "timeout_s": 72 * 3600,
    }


def test_graph_does_not_depend_on_the_order_in_dvc_yaml():
    """The same graph, the same bytes."""
    assert compile_graph(dict(reversed(STAGES.items()))) == compile_graph(STAGES)


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory", "32GB"), ("timeout", 72), ("gpu", "one"), ("launcher", "mpirun"), ("retires", 2), ("retries", None)],
)
def test_unknown_settings_of_a_stage_are_named(key, value):
    """A runner that guessed would give a GPU stage no GPU."""
    stage = STAGES["train_encoder"]
    stages = {**STAGES, "train_encoder": {**stage, "meta": {**stage["meta"], key: value}}}
    with pytest.raises(ConfigError, match=rf"train_encoder: meta\.{key}"):
        compile_graph(stages)

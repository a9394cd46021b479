import json

import pytest
import yaml

from dags.graph import last_stages, load_graph
from pipeline.graph.stages import edges
from tests.closure import ROOT

STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_graph_has_the_edges_of_dvc_yaml():
    """The only place where the graph is written is dvc.yaml."""
    found = {name: set(stage.upstream) for name, stage in load_graph().items()}
    assert found == {name: set(before) for name, before in edges(STAGES).items()}


def test_stages_come_after_what_they_depend_on():
    """A runner may make its tasks in this order."""
    seen = set()
    for name, stage in load_graph().items():
        assert set(stage.upstream) <= seen, name
        seen.add(name)


def test_last_stage_is_publish():
    """What `seal` waits for."""
    assert last_stages(load_graph()) == ["publish"]


def test_meta_is_read_in_numbers():
    """What a runner must know of a stage, checked by hand for one."""
    stage = load_graph()["train_encoder"]
    assert (stage.gpu, stage.cpu, stage.memory, stage.timeout_s) == (1, 8, "32Gi", 72 * 3600)
    assert (stage.retries, stage.launcher, stage.network) == (2, "torchrun", False)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": 2}, "format 2"),
        ({"stages": {"a": ["b"], "b": ["a"]}}, "a, b wait"),
        ({"stages": {"a": ["gone"]}}, "a wait"),
    ],
)
def test_graph_that_makes_no_sense_is_refused(tmp_path, change, problem):
    """A damaged file is named, and no DAG is made of half of it."""
    meta = {"gpu": 0, "cpu": 1, "memory": "1Gi", "timeout_s": 1, "retries": 0, "launcher": None, "network": False}
    stages = {
        name: {"upstream": upstream, "desc": "", "cmd": "", "meta": meta}
        for name, upstream in change.get("stages", {}).items()
    }
    path = tmp_path / "graph.json"
    path.write_text(json.dumps({"format": 1, **change, "stages": stages}))
    with pytest.raises(ValueError, match=problem):
        load_graph(path)

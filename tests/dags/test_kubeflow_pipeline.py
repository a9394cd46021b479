"""The compiled pipeline beside what it is made from, and beside the Airflow DAG."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from dags import graph, kubeflow_pipeline
from dags.graph import Needs, load_graph
from dags.kubeflow_step import step_inputs, worker_arguments
from tests.closure import ROOT

pytestmark = pytest.mark.system

SETTINGS = (ROOT / "infra/kubeflow/settings.json").read_text()
REQUEST = {"profile": "mini", "revision": "main", "overrides": '{"seed": 1, "gate.x": "y z"}', "reason": "a 'b' \"c\""}
PLACES = {"repository": "https://host/r.git", "remote": "s3://b/work", "store": "s3://b/releases"}
VALUES = REQUEST | PLACES | {"run": "R", "commit": "C", "publish_anyway": "it is a test"}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """The pipeline as `make kubeflow` compiles it now, where nothing is set."""
    path = tmp_path_factory.mktemp("kubeflow") / "pipeline.yaml"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PEEWEE")}
    subprocess.run([sys.executable, "-m", "dags.kubeflow_pipeline", path], cwd=ROOT, env=clean, check=True)
    return path


@pytest.fixture(scope="module")
def pipeline(compiled):
    """Its tasks, containers and Kubernetes settings, by the names of the graph."""
    spec, platform = yaml.safe_load_all(compiled.read_text())

    def named(found):
        return {name.removeprefix("exec-").replace("-", "_"): item for name, item in found.items()}

    return {
        "inputs": spec["root"]["inputDefinitions"]["parameters"],
        "tasks": named(spec["root"]["dag"]["tasks"]),
        "containers": {name: item["container"] for name, item in named(spec["deploymentSpec"]["executors"]).items()},
        "pods": named(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]),
    }


def needs():
    return {name: Needs.of(stage) for name, stage in load_graph().items()} | {"plan": graph.PLAN, "seal": graph.SEAL}


def command_line(container, step):
    """What Kubeflow starts, its placeholders replaced by Kubeflow's own code."""
    from kfp.local import placeholder_utils

    inputs = {name: json.loads(VALUES[name]) if name == "overrides" else VALUES[name] for name in step_inputs(step)}
    files = {name: {"outputFile": f"/outputs/{name}"} for name in ("commit", "version")}
    given = {"inputs": {"parameterValues": inputs}, "outputs": {"parameters": files, "outputFile": ""}}
    return placeholder_utils.replace_placeholders(container["command"] + container["args"], given, "p", "t", "", "1")


def worker_line(container, step):
    """The arguments of the worker that a container comes to start."""
    python, dash_m, module, *arguments = command_line(container, step)
    assert (python, dash_m, module) == ("python", "-m", "dags.kubeflow_step")
    return worker_arguments([item for item in arguments if not item.startswith(("--environment=", "--write="))])


def test_committed_pipeline_is_what_make_kubeflow_writes(compiled):
    """Byte for byte."""
    committed = ROOT / "infra/kubeflow/pipeline.yaml"
    assert committed.read_text() == compiled.read_text(), "run `make kubeflow` and commit the file"


def test_edges_are_those_of_the_graph(pipeline):
    """A task a stage between `plan`, whose commit each takes, and `seal`."""
    found = {
        name: {other.replace("-", "_") for other in task.get("dependentTasks", [])}
        for name, task in pipeline["tasks"].items()
    }
    assert found.pop("plan") == set()
    assert found.pop("seal") == {"publish"}
    assert found == {name: {"plan", *stage.upstream} for name, stage in load_graph().items()}
    for name, task in pipeline["tasks"].items():
        assert task["inputs"]["parameters"]["run"]["runtimeValue"]["constant"] == "{{$.pipeline_job_uuid}}", name
        if name not in ("plan", "seal"):
            produced = {"outputParameterKey": "commit", "producerTask": "plan"}
            assert task["inputs"]["parameters"]["commit"] == {"taskOutputParameter": produced}, name


def test_kubeflow_itself_remembers_nothing(pipeline):
    """DVC is the cache; Kubeflow's would take a new commit's data for an old one's."""
    assert {name: task["cachingOptions"].get("enableCache") for name, task in pipeline["tasks"].items()} == (
        dict.fromkeys(needs())
    )


def test_steps_take_what_the_graph_says(pipeline):
    """Cores, memory, GPUs with shared memory, a deadline."""
    for name, need in needs().items():
        resources, pod = pipeline["containers"][name]["resources"], pipeline["pods"][name]
        assert resources["resourceCpuLimit"] == str(need.cpu), name
        assert resources["resourceMemoryLimit"] == resources["resourceMemoryRequest"] == need.memory, name
        accelerator = {key: value for key, value in resources.get("accelerator", {}).items() if "resource" in key}
        wanted = {"resourceCount": str(need.gpu), "resourceType": "nvidia.com/gpu"} if need.gpu else {}
        assert accelerator == wanted, name
        shared = {"medium": "Memory", "mountPath": "/dev/shm", "volumeName": "shm"}
        assert pod.get("emptyDirMounts", []) == ([shared] if need.gpu else []), name
        assert pod["activeDeadlineSeconds"] == str(need.timeout_s), name


def test_retries_have_time_for_every_try(pipeline):
    """Argo gives up when `backoffMaxDuration` is over since the first try began, one hour if nothing is said."""
    for name, need in needs().items():
        policy = pipeline["tasks"][name]["retryPolicy"]
        assert policy["maxRetryCount"] == need.retries, name
        assert (policy["backoffDuration"], policy["backoffFactor"]) == ("60s", 2.0), name
        pauses = sum(60 * 2**n for n in range(need.retries))
        assert int(policy["backoffMaxDuration"][:-1]) > (need.retries + 1) * need.timeout_s + pauses, name


def test_secrets_are_named_and_never_written(pipeline):
    """Secrets are references; only addresses are written in plain text."""
    assert {
        tuple((item["secretName"], tuple(key["envVar"] for key in item["keyToEnv"])) for item in pod["secretAsEnv"])
        for pod in pipeline["pods"].values()
    } == {
        (
            ("peewee-s3", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")),
            ("peewee-repository", ("PEEWEE_REPOSITORY",)),
        )
    }
    for name, container in pipeline["containers"].items():
        assert [item["name"] for item in container["env"]] == ["PEEWEE_GRACE_S"], name


def test_reason_to_publish_anyway_is_told_to_publish_alone(pipeline):
    """Every step receives the addresses."""
    for name in needs():
        told = [item for item in command_line(pipeline["containers"][name], name) if item.startswith("--environment=")]
        anyway = ["--environment=PEEWEE_PUBLISH_ANYWAY=it is a test"] if name == "publish" else []
        assert told == [
            "--environment=PEEWEE_REPOSITORY=https://host/r.git",
            "--environment=PEEWEE_REMOTE=s3://b/work",
            "--environment=PEEWEE_STORE=s3://b/releases",
            *anyway,
        ], name


AIRFLOW = """
import json
from airflow.dag_processing.dagbag import DagBag
from kubernetes.client import ApiClient
from dags.commands import plan_arguments
from dags.peewee_retrain import COMMIT, RUN
dag = DagBag(".").dags["peewee_retrain"]
def describe(task):
    task.name = task.task_id
    pod = ApiClient().sanitize_for_serialization(task.build_pod_request_obj({}))["spec"]
    container = pod["containers"][0]
    arguments = plan_arguments(RUN, %r) if task.request else task.arguments
    return {
        "arguments": [{RUN: "kubeflow-R", COMMIT: "C"}.get(item, item) for item in arguments],
        "upstream": sorted(task.upstream_task_ids), "retries": task.retries, "image": container["image"],
        "resources": container["resources"], "nodes": pod.get("nodeSelector"), "tolerations": pod.get("tolerations"),
        "deadline": pod["activeDeadlineSeconds"],
        "secrets": [item["secretRef"]["name"] for item in container["envFrom"]],
    }
print(json.dumps({"params": sorted(dag.params), "tasks": {task.task_id: describe(task) for task in dag.tasks}}))
"""


@pytest.mark.system
def test_pipeline_is_the_airflow_dag(pipeline, in_airflow, tmp_path):
    """With the same settings: stages, edges, commands, resources, places, Secrets, deadlines, retries."""
    cluster = {"clusters": [{"name": "c", "cluster": {"server": "https://cluster.example"}}], "users": []}
    contexts = {"contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}], "current-context": "c"}
    (tmp_path / "kubeconfig").write_text(json.dumps(cluster | contexts))
    airflow = in_airflow(
        AIRFLOW % REQUEST,
        PEEWEE_RUNNER="kubernetes",
        PEEWEE_KUBERNETES=SETTINGS,
        KUBECONFIG=str(tmp_path / "kubeconfig"),
    )
    assert set(pipeline["inputs"]) == {*airflow["params"], *PLACES, "image"}
    assert pipeline["tasks"].keys() == airflow["tasks"].keys()
    for name, task in airflow["tasks"].items():
        container, pod, ours = (pipeline[kind][name] for kind in ("containers", "pods", "tasks"))
        assert worker_line(container, name) == task["arguments"], name
        upstream = {other.replace("-", "_") for other in ours.get("dependentTasks", [])}
        assert upstream - {"plan"} == set(task["upstream"]) - {"plan"}, name
        assert ours["retryPolicy"]["maxRetryCount"] == task["retries"], name
        asked = container["resources"]
        limits = {"cpu": asked["resourceCpuLimit"], "memory": asked["resourceMemoryLimit"]}
        if "accelerator" in asked:
            limits[asked["accelerator"]["resourceType"]] = asked["accelerator"]["resourceCount"]
        requests = {"cpu": asked["resourceCpuRequest"], "memory": asked["resourceMemoryRequest"]}
        assert {"limits": limits, "requests": requests} == task["resources"], name
        assert pod["nodeSelector"]["labels"] == task["nodes"], name
        assert pod.get("tolerations", []) == (task["tolerations"] or []), name
        assert pod["activeDeadlineSeconds"] == str(task["deadline"]), name
        assert [item["secretName"] for item in pod["secretAsEnv"]] == task["secrets"], name
        assert pipeline["inputs"]["image"]["defaultValue"] == task["image"], name


def test_two_secrets_with_the_same_keys_are_refused(tmp_path):
    """Which of them would count is nobody's guess; a single one need not say what it holds."""
    two = {"PEEWEE_KUBERNETES": '{"image": "i", "secrets": ["one", "two"]}'}
    with pytest.raises(ValueError, match="would come from one and from two; say in secret_keys"):
        kubeflow_pipeline.compile_pipeline(tmp_path / "p.yaml", two)
    kubeflow_pipeline.compile_pipeline(
        tmp_path / "p.yaml", {"PEEWEE_KUBERNETES": '{"image": "i", "secrets": ["one"], "image_pull_secrets": ["r"]}'}
    )
    text = (tmp_path / "p.yaml").read_text()
    assert "optional: true" in text
    assert "imagePullSecret" in text

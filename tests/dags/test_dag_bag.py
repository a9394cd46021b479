"""T20: what Airflow reads, in Airflow's own environment."""

import json

import pytest
import yaml

from pipeline.graph.stages import edges
from tests.closure import ROOT

pytestmark = pytest.mark.system

DAGS = {"peewee_retrain", "peewee_release_check", "peewee_audit", "peewee_corpus_watch"}
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
HEAVY = ("torch", "dvc", "pandas", "boto3", "mlflow", "kfp", "pipeline", "peewee_model")
COMMON = {
    "MLFLOW_TRACKING_URI",
    "PEEWEE_TASK_PAGE",
    "PEEWEE_REPOSITORY",
    "PEEWEE_REMOTE",
    "PEEWEE_STORE",
    "PEEWEE_PUBLISH_ANYWAY",
}
ENVIRONMENT = {
    "local": COMMON | {"PEEWEE_HASH_LISTS", "PEEWEE_CORPUS_INBOX"},
    "kubernetes": COMMON | {"PEEWEE_HASH_LISTS", "PEEWEE_CORPUS_INBOX", "PEEWEE_RESULT", "PEEWEE_GRACE_S"},
}
"""Every variable that a task is given by its DAG; what is secret comes from a connection or a Secret."""
NO_CRON = ("weekly", "daily at 5", "0 3 * *", "99 3 * * 6", "0 3 31 2 *", "@fortnightly", "0 3 * * SATURDAYS")
CRON = ("0 3 * * 6", "*/15 8-18 * * MON-FRI", "@weekly", "@daily")
SCHEDULES = """
import json
from airflow.timetables.trigger import CronTriggerTimetable
from dags.settings import Settings
def outcome(value):
    try:
        CronTriggerTimetable(Settings.from_environment({%r: value}).schedule or "@once", timezone="UTC").validate()
    except ValueError as error:
        return str(error)
    return "taken"
print(json.dumps({value: outcome(value) for value in %r}))
"""
KUBERNETES = {
    "PEEWEE_RUNNER": "kubernetes",
    "PEEWEE_KUBERNETES": json.dumps(
        {
            "image": "registry.example/peewee-tts:1",
            "namespace": "voices",
            "service_account": "peewee",
            "secrets": ["peewee-s3", "peewee-git"],
            "node_selector": {"pool": "cpu"},
            "gpu_node_selector": {"pool": "gpu"},
            "gpu_tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        }
    ),
}
READ = (
    f"HEAVY = {HEAVY!r}"
    + """
import json, sys, time
import airflow.sdk
from airflow.dag_processing.dagbag import DagBag
started = time.process_time()  # other tests keep the machine busy
bag = DagBag(".")
seconds = time.process_time() - started
def describe(task):
    return {
        "operator": type(task).__name__, "owner": task.owner, "retries": task.retries, "pool": task.pool,
        "slots": task.pool_slots, "timeout_s": task.execution_timeout and task.execution_timeout.total_seconds(),
        "delay_s": task.retry_delay.total_seconds(), "max_delay_s": task.max_retry_delay.total_seconds(),
        "backoff": float(task.retry_exponential_backoff), "doc": task.doc_md,
        "upstream": sorted(task.upstream_task_ids),
        "on_failure": [call.__name__ for call in task.on_failure_callback],
        "on_retry": [call.__name__ for call in task.on_retry_callback],
        "outlets": [asset.name for asset in task.outlets], "module": getattr(task, "module", None),
        "arguments": list(getattr(task, "arguments", [])), "trigger_rule": str(task.trigger_rule.value),
        "environment": sorted(getattr(task, "environment", getattr(task, "env_vars", {}))),  # a pod's, as declared
    }
print(json.dumps({
    "errors": {str(key): value for key, value in bag.import_errors.items()},
    "seconds": seconds,
    "modules": [name for name in HEAVY if name in sys.modules],
    "dags": {dag.dag_id: {
        "doc": dag.doc_md, "description": dag.description, "catchup": dag.catchup, "runs": dag.max_active_runs,
        "timetable": type(dag.timetable).__name__, "params": sorted(dag.params),
        "tasks": {task.task_id: describe(task) for task in dag.tasks},
    } for dag in bag.dags.values()},
}))
"""
)


@pytest.fixture
def bag(in_airflow):
    """What the DAG files declare, with nothing set."""
    return in_airflow(READ)


def test_dags_are_read_without_errors_quickly_and_lightly(bag):
    """Four DAGs, nothing else of the repository; far below Airflow's limit of 30 s; nothing that belongs to the
    pipeline."""
    assert bag["errors"] == {}
    assert set(bag["dags"]) == DAGS
    assert bag["seconds"] < 10
    assert bag["modules"] == []


def test_retrain_has_the_edges_of_dvc_yaml(bag):
    """One task a stage, `plan` before the first and `seal` after the last."""
    found = {name: set(task["upstream"]) for name, task in bag["dags"]["peewee_retrain"]["tasks"].items()}
    assert found.pop("plan") == set()
    assert found.pop("seal") == {"publish"}
    assert found == {name: set(before) or {"plan"} for name, before in edges(STAGES).items()}


def test_every_task_follows_the_policy(bag):
    """Owner, retries with growing pauses and a cap, time-out, documentation, and a callback for failures."""
    for dag_id, dag in bag["dags"].items():
        assert dag["doc"].strip(), dag_id
        assert dag["description"], dag_id
        assert (dag["catchup"], dag["runs"]) == (False, 1), dag_id
        for name, task in dag["tasks"].items():
            where = f"{dag_id}.{name}"
            assert task["owner"] == "peewee", where
            assert task["retries"] >= 1, where
            assert task["backoff"] >= 2, where
            assert 0 < task["delay_s"] < task["max_delay_s"] <= 3600, where
            assert 0 < task["timeout_s"] <= 168 * 3600, where
            assert task["doc"], where
            assert task["trigger_rule"] == "all_success", where  # what follows a failure does not run
            assert task["on_failure"] == ["tell_failure"], where
            assert task["on_retry"] == ["log_retry"], where


def test_stages_take_what_the_graph_says(bag):
    """Retries and time-out from `meta`; the GPU pool for stages with a GPU, and for them alone."""
    graph = json.loads((ROOT / "dags/graph.json").read_text())["stages"]
    tasks = bag["dags"]["peewee_retrain"]["tasks"]
    for name, stage in graph.items():
        meta = stage["meta"]
        assert (tasks[name]["retries"], tasks[name]["timeout_s"]) == (meta["retries"], meta["timeout_s"]), name
        assert (tasks[name]["pool"] == "peewee_gpu") == bool(meta["gpu"]), name
        assert tasks[name]["slots"] == max(meta["gpu"], 1), name


def test_retrain_runs_by_clock_by_corpus_and_by_hand(bag):
    """It also updates an asset with the release."""
    dag = bag["dags"]["peewee_retrain"]
    assert dag["timetable"] == "AssetOrTimeSchedule"
    assert dag["params"] == ["overrides", "profile", "publish_anyway", "reason", "revision"]
    assert dag["tasks"]["seal"]["outlets"] == ["peewee_release"]
    assert bag["dags"]["peewee_release_check"]["timetable"] == "AssetTriggeredTimetable"
    assert bag["dags"]["peewee_corpus_watch"]["tasks"]["announce"]["outlets"] == ["peewee_corpus"]


def test_schedules_can_be_switched_off(in_airflow):
    """What is left to assets and people."""
    dags = in_airflow(READ, PEEWEE_SCHEDULE="none", PEEWEE_DAILY="none")["dags"]
    assert dags["peewee_retrain"]["timetable"] == "AssetTriggeredTimetable"
    assert dags["peewee_audit"]["timetable"] == "NullTimetable"


def test_wrong_setting_is_an_import_error_that_names_it(in_airflow):
    """The page shows it."""
    errors = in_airflow(READ, PEEWEE_RUNNER="docker")["errors"]
    assert len(errors) == len(DAGS)
    assert all("PEEWEE_RUNNER is 'docker'" in error for error in errors.values())


@pytest.mark.parametrize("name", ["PEEWEE_SCHEDULE", "PEEWEE_DAILY"])
def test_schedule_that_is_no_cron_is_an_import_error_that_names_it(in_airflow, name):
    """The scheduler would fail on it, for all DAGs, and the page would show nothing."""
    outcomes = in_airflow(SCHEDULES % (name, list(NO_CRON)))
    assert [value for value, said in outcomes.items() if f"{name} is {value!r}" not in said] == []
    assert all("or none" in said for said in outcomes.values())
    errors = in_airflow(READ, **{name: "weekly"})["errors"]
    assert len(errors) == len(DAGS)
    assert all(f"{name} is 'weekly', which is no cron" in error for error in errors.values())


def test_schedules_that_airflow_takes_are_taken(in_airflow):
    """Five fields, names of days, presets; Airflow's own timetable confirms each."""
    assert in_airflow(SCHEDULES % ("PEEWEE_SCHEDULE", list(CRON))) == dict.fromkeys(CRON, "taken")


def test_tasks_get_the_variables_that_are_listed_and_no_other(bag, in_airflow):
    """A task's environment is shown on Airflow's page: a secret has no place in it."""
    pods = in_airflow(READ, **KUBERNETES)
    for runner, dags in (("local", bag["dags"]), ("kubernetes", pods["dags"])):
        seen = set()
        for dag in dags.values():
            for task in dag["tasks"].values():
                seen |= set(task["environment"])
        assert seen == ENVIRONMENT[runner], runner


def test_runner_is_a_setting(bag, in_airflow):
    """The same tasks, edges and commands on both; only the operator differs."""
    pods = in_airflow(READ, **KUBERNETES)
    assert pods["errors"] == {}
    for dag_id, dag in bag["dags"].items():
        for name, task in dag["tasks"].items():
            pod = pods["dags"][dag_id]["tasks"][name]
            assert pod["upstream"] == task["upstream"]
            assert pod["arguments"] == task["arguments"]
            if task["module"]:
                assert (task["operator"], pod["operator"]) == ("LocalWorker", "WorkerPod")


POD = """
import json
from airflow.dag_processing.dagbag import DagBag
from kubernetes.client import ApiClient
tasks = DagBag(".").dags["peewee_retrain"].task_dict
def pod(name):
    task = tasks[name]
    task.name = name
    return ApiClient().sanitize_for_serialization(task.build_pod_request_obj({}))
print(json.dumps({name: pod(name) for name in ("train_encoder", "ingest")}))
"""


def test_pod_asks_for_what_the_stage_needs(in_airflow, tmp_path):
    """GPU, memory, nodes, tolerations, a deadline; Secrets by name; no secret and no shell in it."""
    cluster = {
        "clusters": [{"name": "c", "cluster": {"server": "https://cluster.example"}}],
        "users": [],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": ""}}],
        "current-context": "c",
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(cluster))
    pods = in_airflow(POD, KUBECONFIG=str(tmp_path / "kubeconfig"), **KUBERNETES)
    gpu, cpu = pods["train_encoder"]["spec"], pods["ingest"]["spec"]
    container = gpu["containers"][0]
    assert container["command"] == ["python", "-m", "pipeline.commands.worker"]
    assert container["args"][:2] == ["run", "train_encoder"]
    assert container["resources"]["limits"] == {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}
    assert container["resources"]["requests"]["memory"] == "32Gi"
    assert [item["secretRef"]["name"] for item in container["envFrom"]] == ["peewee-s3", "peewee-git"]
    assert gpu["activeDeadlineSeconds"] == 72 * 3600
    assert gpu["nodeSelector"] == {"pool": "gpu"}
    assert gpu["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert gpu["serviceAccountName"] == "peewee"
    assert gpu["automountServiceAccountToken"] is False
    assert {"name": "shm", "mountPath": "/dev/shm"} in container["volumeMounts"]
    assert gpu["terminationGracePeriodSeconds"] > 60
    assert cpu["nodeSelector"] == {"pool": "cpu"}
    assert "nvidia.com/gpu" not in cpu["containers"][0]["resources"]["limits"]
    assert not cpu.get("tolerations")
    result = {item["name"]: item.get("value") for item in container["env"]}
    assert result["PEEWEE_RESULT"] == "/airflow/xcom/return.json"

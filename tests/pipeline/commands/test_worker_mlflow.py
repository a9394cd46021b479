"""A run's tasks in MLflow: links both ways, and nothing is lost while the server is down."""

import pytest

from tests.pipeline.commands.worker_project import make_project
from tests.servers.mlflow import client_of, environment, free_port

pytestmark = pytest.mark.system


def test_task_and_run_of_mlflow_point_to_each_other(tmp_path, mlflow_server):
    """What one task could not send, the run's next one does."""
    project = make_project(tmp_path, str(tmp_path / "remote"))
    project.must("plan", "--run", "weekly")
    project.must("run", "gather", "--run", "weekly")
    project.tell("train", step_s=1.0)
    down = environment(f"http://127.0.0.1:{free_port()}")
    page = "https://airflow.example/train"
    answer = project.must("run", "train", "--run", "weekly", **down, PEEWEE_TASK_PAGE=page)
    assert "mlflow" not in answer
    kept = tmp_path / "remote/runs/weekly/tracking"
    assert list(kept.rglob("events.jsonl"))

    project.must("plan", "--run", "again", "--set", "train.steps=25")
    project.must("run", "gather", "--run", "again")
    answer = project.must("run", "train", "--run", "again", **environment(mlflow_server))
    client = client_of(mlflow_server)
    run = client.get_run(answer["mlflow"].rpartition("/")[2])
    assert answer["mlflow"].startswith(f"{mlflow_server}/#/experiments/")
    assert (run.data.tags["run"], run.info.status) == ("again", "FINISHED")

    project.must("run", "tune", "--run", "weekly", **environment(mlflow_server))
    found = client.search_runs([run.info.experiment_id], "tags.run = 'weekly'")
    assert [one.data.tags["task_page"] for one in found] == [page]
    assert not list(kept.rglob("events.jsonl"))

"""Runs in a real MLflow server: with it, without it, and when it comes back."""

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.closure import ROOT
from tests.pipeline.tracking.test_description import GIT
from tests.servers.mlflow import client_of, environment, free_port

pytestmark = pytest.mark.system

TRAIN = """
import sys
from pathlib import Path
from pipeline.graph.stages import load_stages
from pipeline.logs import log_to_stderr
from pipeline.training.loop.loop import train, write_history
from pipeline.tracking.stage_run import tracked
from tests.pipeline.training.loop.test_loop import SCHEDULE, Line

log_to_stderr()
with tracked("train_encoder", load_stages()["train_encoder"]):
    history = train(Line(stop_at=int(sys.argv[1])), SCHEDULE, sys.argv[2])
    Path("models/encoder").mkdir(parents=True)
    write_history(Path("models/encoder/training.jsonl"), history)
    Path("models/encoder/model.safetensors").write_text("weights")
"""
KILLED = """\
import os
import signal

class Killed(Line):
    def validate(self):
        os.kill(os.getpid(), signal.SIGKILL)

log_to_stderr()
"""
EVALUATE = """
from pathlib import Path
from pipeline.graph.stages import load_stages
from pipeline.logs import log_to_stderr
from pipeline.tracking.stage_run import tracked

log_to_stderr()
with tracked("evaluate", load_stages()["evaluate"]):
    # until its run is there
    for name in ("audio/a.flac", "plots/det.csv", "index.html", "gate.json"):
        (Path("reports") / name).parent.mkdir(parents=True, exist_ok=True)
        (Path("reports") / name).write_text(name)
    Path("reports/metrics.json").write_text('{"speaker": {"eer": 0.07, "n": 3}, "note": "text"}')
"""
WAIT = """\
    import os, time
    until = time.monotonic() + 300
    while not (Path(os.environ["PEEWEE_OUTCOMES"]) / "mlflow_run").exists() and time.monotonic() < until:
        time.sleep(0.2)
    time.sleep(6)
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """What tracking reads of a project."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "requirements.lock", "dvc.yaml"):
        shutil.copy(ROOT / name, name)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*GIT, *command], check=True)
    return tmp_path


def run(code, address, *arguments, **variables):
    """Run a stage's code; return its exit code and its log."""
    env = environment(address) | {"PYTHONPATH": str(ROOT), **variables}
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True)
    return done.returncode, done.stderr


def send(address):
    """Send what is left: on a busy machine a stage of a second ends before MLflow is loaded."""
    env = environment(address) | {"PYTHONPATH": str(ROOT)}
    code = "from pipeline.commands.mlflow import app; app(['send'])"
    subprocess.run([sys.executable, "-c", code], env=env, check=True)
    assert not list(Path(".scratch/tracking").iterdir())


def runs_of(address, tag, value):
    """The runs of the experiment that have a tag."""
    client = client_of(address)
    experiment = client.get_experiment_by_name("peewee-tts")
    return client, client.search_runs([experiment.experiment_id], f"tags.{tag} = '{value}'")


def test_training_without_a_server_is_caught_up_and_goes_on_in_its_run(project, mlflow_server):
    """One run with all losses; the log says once that the server is down; the history is as without tracking."""
    training = f"train_encoder/{uuid.uuid4().hex[:16]}"
    code, log = run(TRAIN, f"http://127.0.0.1:{free_port()}", "30", training)
    assert code and "stopped after step 30" in log
    assert log.count("MLflow is out of reach") <= 1  # a training of a second may end before the first try
    assert len(list(Path(".scratch/tracking").iterdir())) == 1
    code, log = run(TRAIN, mlflow_server, "0", training, PEEWEE_RUN="weekly")
    assert code == 0, log
    send(mlflow_server)
    client, found = runs_of(mlflow_server, "training", training)
    assert [one.info.status for one in found] == ["FINISHED"]
    (only,) = found
    history = client.get_metric_history(only.info.run_id, "validation/error")
    assert [metric.step for metric in history] == [20, 40, 60]
    assert only.data.params["encoder.training.schedule.seed"] == "1"
    inputs = {one.dataset.name: {tag.key: tag.value for tag in one.tags} for one in only.inputs.dataset_inputs}
    assert inputs["mini-dev-clean"]["sha256"] == only.data.tags["dataset.mini-dev-clean.sha256"]
    assert [file.path for file in client.list_artifacts(only.info.run_id, "models/encoder")] == [
        "models/encoder/training.jsonl"
    ]
    tracked = Path("models/encoder/training.jsonl").read_bytes()
    shutil.rmtree("models")
    shutil.rmtree(".checkpoints")
    code, log = run(TRAIN, "", "0", training)
    assert code == 0, log
    assert Path("models/encoder/training.jsonl").read_bytes() == tracked


def test_evaluation_has_figures_audio_and_the_machine_s_load(project, mlflow_server):
    """All of the report; the worker finds the run's page."""
    outcomes = project / "outcomes"
    outcomes.mkdir()
    slow = EVALUATE.replace("    # until its run is there\n", WAIT)
    env = {"PEEWEE_OUTCOMES": str(outcomes), "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL": "1"}
    page = f"https://airflow.example/{uuid.uuid4().hex}"
    code, log = run(slow, mlflow_server, PEEWEE_TASK_PAGE=page, **env)
    assert code == 0, log
    send(mlflow_server)
    client, found = runs_of(mlflow_server, "task_page", page)
    (only,) = found
    assert only.data.metrics["speaker.eer"] == 0.07
    assert [file.path for file in client.list_artifacts(only.info.run_id, "reports/audio")] == ["reports/audio/a.flac"]
    assert only.info.run_id in (outcomes / "mlflow_run").read_text()
    assert any(name.startswith("system/cpu") for name in only.data.metrics), log


def test_a_training_that_was_killed_is_closed_by_the_next_stage(project, mlflow_server):
    """Nobody else would know that it is over."""
    training = f"train_encoder/{uuid.uuid4().hex[:16]}"
    killed = TRAIN.replace("Line(", "Killed(").replace("log_to_stderr()\n", KILLED, 1)
    code, _ = run(killed, f"http://127.0.0.1:{free_port()}", "0", training)
    assert code == -9
    code, log = run(EVALUATE, mlflow_server)
    assert code == 0, log
    send(mlflow_server)
    _, found = runs_of(mlflow_server, "training", training)
    assert [one.info.status for one in found] == ["KILLED"]

"""The lines of docs/mlflow.md, as they stand there, with a real server; stages of the graph are stand-ins."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from pipeline.graph.stages import load_stages
from tests.closure import ROOT
from tests.servers.mlflow import client_of, environment, free_port, running
from tests.stand_in_graph import copy_project
from tests.test_release_docs import blocks

pytestmark = pytest.mark.system

DOCUMENT = (ROOT / "docs/mlflow.md").read_text(encoding="utf-8")
LINES = [line for line in blocks(DOCUMENT, "sh").splitlines() if line]
STARTED = ("make mlflow", "export MLFLOW_TRACKING_URI=")
"""What `tests/servers/mlflow.py` does."""
STAGE = """
from pipeline.stand_in import write_outputs

def {name}():
    write_outputs("{name}")
"""


def shell(lines, folder, address, experiment="peewee-tts"):
    """Run lines of the document."""
    code = f"{folder}{os.pathsep}{ROOT}"
    env = environment(address) | {"PYTHONPATH": code, "MLFLOW_EXPERIMENT_NAME": experiment}
    done = subprocess.run(
        ["bash", "-euo", "pipefail"], input="\n".join(lines), cwd=folder, env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def of(*beginnings):
    """The document's lines that begin with one of these."""
    found = [line for line in LINES if line.startswith(beginnings)]
    assert found, beginnings
    return found


def test_every_line_is_run_here():
    """A line that nobody runs is one that is wrong some day."""
    known = of(*STARTED, "peewee-tts mlflow sync", "peewee-tts mlflow send", "mlflow models serve", "mlflow run .")
    assert known == LINES
    assert re.fullmatch(r"make mlflow", LINES[0])


def test_releases_are_registered_and_served(mlflow_server, tmp_path):
    """The program of the document writes a file of sound."""
    assert "models:/peewee@stable" in shell(of("peewee-tts mlflow sync"), ROOT, mlflow_server)
    port = free_port()
    (serve,) = (line.replace("5001", str(port)) for line in of("mlflow models serve"))
    with running(serve.split(), tmp_path, f"http://127.0.0.1:{port}/ping", environment(mlflow_server)):
        program = blocks(DOCUMENT, "python").replace(":5001", f":{port}").replace("docs/", f"{ROOT}/docs/")
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert soundfile.info(tmp_path / "morning.flac").frames > 0


@pytest.fixture
def project(tmp_path):
    """The project with its graph, committed; each stage writes the hash of all that it reads."""
    folder = tmp_path / "project"
    copy_project(folder)
    (folder / "pipeline/stand_in.py").write_text((ROOT / "tests/stand_in_graph.py").read_text())
    for name in load_stages(folder / "dvc.yaml"):
        with (folder / "pipeline/stages" / f"{name}.py").open("a") as file:
            file.write(STAGE.format(name=name))
    shutil.copytree(ROOT / "config", folder / "config")
    for name in ("MLproject", "python_env.yaml", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgSign=false"]
    commands = ([*git, "init", "-q"], ["dvc", "init", "-q"], [*git, "add", "."], [*git, "commit", "-q", "-m", "all"])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for command in commands:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, env={**os.environ, "PATH": path})
    return folder


def test_entry_points_run_their_stages_and_leave_the_parameters(project, mlflow_server):
    """Each line is a run of MLflow; the model is in the run that asked for it; nothing is left to send."""
    before = (project / "params.yaml").read_text()
    shell(of("mlflow run ."), project, mlflow_server, "entry points")
    assert (project / "params.yaml").read_text() == before
    assert (project / "receipts/publish.json").exists()
    client = client_of(mlflow_server)
    experiment = client.get_experiment_by_name("entry points").experiment_id
    runs = client.search_runs([experiment], "tags.`mlflow.project.entryPoint` != ''")
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert len(runs) == len(of("mlflow run ."))
    saved = [run for run in runs if client.list_artifacts(run.info.run_id, "models/encoder")]
    assert [run.data.params["save_model"] for run in saved] == ["true"]
    assert "0 runs wait" in shell(of("peewee-tts mlflow send"), project, mlflow_server)
    stages = client.search_runs([experiment], "tags.stage = 'train_encoder'")
    assert {run.data.tags["mlflow.parentRunId"] for run in stages} <= {run.info.run_id for run in runs}
    assert stages

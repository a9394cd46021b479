"""What a run says of its stage."""

import shutil
import subprocess

import pytest
import yaml

from pipeline.graph.stages import load_stages
from pipeline.tracking.description import describe
from tests.closure import ROOT

GIT = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid", "-c", "commit.gpgSign=false"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The shipped parameters and lock, committed."""
    monkeypatch.chdir(tmp_path)
    for name in ("params.yaml", "requirements.lock"):
        shutil.copy(ROOT / name, name)
    for command in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "all"]):
        subprocess.run([*GIT, *command], check=True)
    return tmp_path


def described(stage):
    """Describe a stage of the shipped graph."""
    return describe(stage, load_stages(ROOT / "dvc.yaml")[stage])


def test_parameters_are_those_that_the_stage_reads(project):
    """Flat, by their dotted names; no other section."""
    params = yaml.safe_load((project / "params.yaml").read_text())
    found = described("train_encoder")["params"]
    assert found["encoder.training.schedule.steps"] == str(params["encoder"]["training"]["schedule"]["steps"])
    assert {name.split(".")[0] for name in found} == {"base", "encoder", "weights"}
    assert "[5, 3, 3, 1]" in found.values()


def test_data_is_named_by_its_whole_hash(project):
    """In a tag, because a digest in MLflow has 36 characters."""
    sources = yaml.safe_load((project / "params.yaml").read_text())["corpus"]["sources"]
    found = described("evaluate")
    assert [item["sha256"] for item in found["inputs"]] == [source["sha256"] for source in sources]
    assert found["tags"]["dataset.mini-dev-clean.sha256"] == sources[-1]["sha256"]


def test_secrets_of_an_address_are_not_sent(project):
    """Parameters and data have the same address, masked."""
    document = yaml.safe_load((project / "params.yaml").read_text())
    document["corpus"]["sources"][0]["url"] = "https://me:secret@example.org/a.tar.gz?key=secret"
    (project / "params.yaml").write_text(yaml.safe_dump(document))
    assert "secret" not in str(describe("download", {"params": ["corpus"]}))


def test_code_is_named_by_commit_and_lock(project):
    """A change that is not committed is visible."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
    tags = described("evaluate")["tags"]
    assert tags["mlflow.source.git.commit"] == commit
    assert len(tags["requirements.sha256"]) == 64
    (project / "params.yaml").write_text((project / "params.yaml").read_text() + "\n")
    assert described("evaluate")["tags"]["mlflow.source.git.commit"] == f"{commit}-dirty"


def test_the_task_of_an_orchestrator_is_linked(project, monkeypatch):
    """A run of Airflow has a page; any run of the pipeline has a name."""
    monkeypatch.setenv("PEEWEE_RUN", "weekly-7")
    monkeypatch.setenv("PEEWEE_TASK_PAGE", "https://airflow.example/task")
    tags = described("evaluate")["tags"]
    assert (tags["run"], tags["task_page"]) == ("weekly-7", "https://airflow.example/task")

"""The pipeline on Kubeflow's local runner: `mini` with few steps of training, to a release on the S3 server."""

import json
import subprocess
import sys

import pytest

from peewee_model.store.store import open_store
from tests.closure import ROOT
from tests.dags.test_airflow_end_to_end import FAST

pytestmark = pytest.mark.system


@pytest.fixture
def repository(tmp_path):
    """A clone that can be pushed to."""
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, tmp_path / "repository.git"], check=True)
    return tmp_path / "repository.git"


def run_here(**parameters):
    """As docs/kubeflow.md says."""
    given = [f"{name}={value}" for name, value in parameters.items()]
    return subprocess.run(
        [sys.executable, "-m", "dags.kubeflow_local", *given], cwd=ROOT, capture_output=True, text=True, timeout=1500
    )


def test_pipeline_runs_to_a_published_release(repository, s3_bucket, monkeypatch):
    """It returns the version that the channel points to, that git has tagged, and that `seal` committed on the run's
    branch."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    done = run_here(
        overrides=json.dumps(FAST),
        reason="a first try",
        publish_anyway="it is a test",
        repository=repository,
        remote=f"s3://{s3_bucket}/work",
        store=f"s3://{s3_bucket}/releases",
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    returned = json.loads(done.stdout.splitlines()[-1])
    store = open_store(f"s3://{s3_bucket}/releases")
    assert store.resolve("stable") == returned["version"]
    (entry,) = store.history("stable")
    assert entry.entry.reason.endswith("published anyway: it is a test")
    assert store.read_manifest(returned["version"]).code.commit == returned["commit"]
    git = ["git", "-C", repository]
    tags = subprocess.run([*git, "tag"], capture_output=True, text=True, check=True).stdout.split()
    assert tags == [f"release-{returned['version']}"]
    branches = subprocess.run([*git, "branch", "--list", "runs/*"], capture_output=True, text=True, check=True).stdout
    (branch,) = branches.split()
    assert branch.startswith("runs/kubeflow-")
    subprocess.run([*git, "merge-base", "--is-ancestor", returned["commit"], branch], check=True)


def test_step_that_is_refused_ends_the_run(repository, tmp_path):
    """Nothing after it is begun."""
    done = run_here(profile="nobody", repository=repository, remote=tmp_path / "work", store=tmp_path / "releases")
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert "worker: no profile 'nobody'" in said
    assert "Traceback" not in said
    assert done.stderr.splitlines()[-1].startswith("kubeflow_local: ")
    assert said.count("Executing task") == 1

"""The program between Kubeflow and the worker."""

import json
import os
import signal
import subprocess
import sys

import pytest

from dags.kubeflow_step import main, worker_arguments
from tests.closure import ROOT

STUB = """
import json, os, signal, sys, time
def stop(*_):
    print("stopped", file=sys.stderr, flush=True)
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
if sys.argv[1:2] == ["wait"]:
    print("waiting", flush=True)
    time.sleep(60)
names = ("PEEWEE_STORE", "PEEWEE_REPOSITORY")
print(json.dumps({"commit": "abc", "version": None, "argv": sys.argv[1:], **{n: os.environ.get(n) for n in names}}))
"""


@pytest.fixture
def step(tmp_path):
    """Starts a step whose worker only prints its arguments and environment."""
    (tmp_path / "stub_worker.py").write_text(STUB)
    code = "import sys; from dags import kubeflow_step as s; s.WORKER = 'stub_worker'; sys.exit(s.main(sys.argv[1:]))"

    def start(*arguments, **environment):
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"} | environment,
            stdout=subprocess.PIPE,
            text=True,
        )

    return start


def test_answer_goes_to_the_files_that_kubeflow_reads(step, tmp_path):
    """A value that is null is an empty text; folders are made."""
    files = [f"--write={name}={tmp_path}/out/{name}" for name in ("commit", "version")]
    assert step(*files, "seal", "--run", "r").wait(60) == 0
    assert (tmp_path / "out/commit").read_text() == "abc"
    assert (tmp_path / "out/version").read_text() == ""


def test_empty_parameter_leaves_what_a_secret_has(step):
    """And one that is given goes before it."""
    process = step(
        "--environment=PEEWEE_STORE=s3://b/x=y",
        "--environment=PEEWEE_REPOSITORY=",
        "run", "ingest", "--run", "r",
        PEEWEE_REPOSITORY="of the Secret",
        PEEWEE_STORE="of the Secret",
    )  # fmt: skip
    said = json.loads(process.communicate(timeout=60)[0].splitlines()[-1])
    assert said["argv"] == ["run", "ingest", "--run", "r"]
    assert (said["PEEWEE_STORE"], said["PEEWEE_REPOSITORY"]) == ("s3://b/x=y", "of the Secret")


def test_signal_reaches_the_worker_and_its_exit_code_kubeflow(step):
    """A stage that trains saves its state before a pod goes."""
    process = step("wait")
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 75


def test_plan_becomes_the_workers_options():
    """Nothing for what is empty; overrides in order."""
    plan = ["plan", "--run=R", "--profile=", "--revision=HEAD", '--overrides={"b": [1], "a": "x"}', "--reason=why so"]
    assert worker_arguments(plan) == [
        "plan", "--run", "R", "--revision=HEAD", "--reason=why so", "--set", 'a="x"', "--set", "b=[1]",
    ]  # fmt: skip


@pytest.mark.parametrize("overrides", ["[1]", "seed=1"])
def test_overrides_that_are_no_object_are_refused(overrides, capsys):
    """Before anything is started."""
    assert main(["plan", "--run=R", f"--overrides={overrides}"]) == 2
    assert "kubeflow_step: " in capsys.readouterr().err


def test_worker_that_refuses_is_a_step_that_refuses(tmp_path):
    """The real worker, without any variable."""
    command = [sys.executable, "-m", "dags.kubeflow_step", f"--write=commit={tmp_path}/commit", "plan", "--run=R"]
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PEEWEE")}
    done = subprocess.run(command, cwd=ROOT, env=bare, capture_output=True, text=True)
    assert done.returncode == 2
    assert "PEEWEE_REPOSITORY" in done.stderr
    assert not (tmp_path / "commit").exists()

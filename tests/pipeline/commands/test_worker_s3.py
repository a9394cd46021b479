"""The worker with its remote on a real S3 server."""

import signal
import time

import pytest

from peewee_model.store.backends import open_backend
from pipeline.runs.records import Records
from tests.pipeline.commands.worker_project import GRAPH, make_project, wait

pytestmark = pytest.mark.system


def test_run_with_the_remote_on_s3(s3_bucket, tmp_path):
    """A run that is preempted once, its seal, and a second run that takes everything over."""
    remote = f"s3://{s3_bucket}/work"
    project = make_project(tmp_path, remote)
    project.must("plan", "--run", "first", "--set", "train.steps=300")
    project.must("run", "gather", "--run", "first")
    project.tell("train", step_s=0.1)
    worker = project.start("run", "train", "--run", "first")
    files = open_backend(remote)
    end = time.monotonic() + 60
    while not files.keys("runs/first/checkpoints"):
        assert time.monotonic() < end
        time.sleep(0.2)
    worker.send_signal(signal.SIGTERM)
    done = wait(worker)
    assert done.code == 75, done.log
    project.tell("train")
    answers = {stage: project.must("run", stage, "--run", "first") for stage in GRAPH}
    assert answers["gather"]["did"] == "already done"
    print("overhead of a task, s:", {stage: answer["overhead_s"] for stage, answer in answers.items()})
    starts = [int(line) for line in (project.trace / "steps").read_text().split()]
    assert starts[0] == 0
    assert starts[1] > 0
    assert files.keys("runs/first/checkpoints") == []
    assert project.must("seal", "--run", "first")["branch"] == "runs/first"

    project.forget_trace()
    assert project.must("plan", "--run", "second", "--set", "train.steps=300")["would_run"] == ["publish"]
    project.must("run", "publish", "--run", "second")
    assert project.ran() == ["publish"]
    assert Records(remote).entry("second", "tune") == Records(remote).entry("first", "tune")


def test_server_out_of_reach_is_worth_another_try(s3_bucket, tmp_path):
    """Exit code 75, in one line."""
    project = make_project(
        tmp_path, f"s3://{s3_bucket}/work", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1"
    )
    done = project.call("run", "train", "--run", "first")
    assert done.code == 75, done.log
    assert "Traceback" not in done.log

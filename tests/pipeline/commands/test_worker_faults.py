"""The worker when it is started twice, killed, stopped, or run on several processes."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from pipeline.runs.process import descendants
from pipeline.runs.records import Records
from tests.pipeline.commands.worker_project import make_project, wait

pytestmark = pytest.mark.system

FULL = os.environ.get("FAULTS") == "full"
N_DOUBLED = 50 if FULL else 2
N_KILLED = 20 if FULL else 1


@pytest.fixture(scope="module")
def gathered(tmp_path_factory):
    """A project in which the first stage is done."""
    folder = tmp_path_factory.mktemp("gathered")
    project = make_project(folder, str(folder / "remote"))
    project.must("plan", "--run", "start")
    project.must("run", "gather", "--run", "start")
    return project


@pytest.fixture
def project(gathered):
    """The same, and its stages behave."""
    for path in gathered.trace.iterdir():
        path.unlink()
    return gathered


def wait_for(condition, timeout_s=60.0):
    """Wait until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def steps_began(project):
    """At which step each start of the training began."""
    path = project.trace / "steps"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def kept(project, run):
    return sorted((Path(project.remote) / "runs" / run / "checkpoints").rglob("*-*.safetensors"))


def processes_in(folder):
    """Live processes whose working directory is inside a folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if (path / "cwd").readlink().is_relative_to(folder):
                found.append(path.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("trial", range(N_DOUBLED))
def test_task_started_twice_has_one_effect(project, trial):
    """T22: though the two get different weights, as GPUs do, the run has one result, and what follows reads that."""
    run = f"twins-{trial}"
    project.tell("train", random=True, sleep_s=0.05 * (trial % 3))
    project.must("plan", "--run", run, "--set", f"train.steps={100 + trial}")
    twins = [project.start("run", "train", "--run", run) for _ in range(2)]
    answers = [wait(twin) for twin in twins]
    assert [done.code for done in answers] == [0, 0]
    assert answers[0].answer["outs"] == answers[1].answer["outs"]
    entry = Records(project.remote).entry(run, "train")
    assert entry
    assert entry.hashes("outs") == answers[0].answer["outs"]
    assert project.must("run", "tune", "--run", run)["did"] == "ran"
    read = Records(project.remote).entry(run, "tune")
    assert read
    assert read.hashes("deps")["models/a"] == entry.hashes("outs")["models/a"]


def test_two_runs_at_once_do_not_meet(project):
    """Two commits' parameters, two results, each in its own run."""
    for run, steps in (("left", 201), ("right", 202)):
        project.must("plan", "--run", run, "--set", f"train.steps={steps}")
    workers = [project.start("run", "train", "--run", run) for run in ("left", "right")]
    assert [wait(worker).code for worker in workers] == [0, 0]
    found = {run: Records(project.remote).entry(run, "train") for run in ("left", "right")}
    assert [entry.data["params"]["params.yaml"]["train"]["steps"] for entry in found.values() if entry] == [201, 202]


@pytest.mark.parametrize("trial", range(N_KILLED))
def test_killed_task_goes_on_from_its_checkpoint(project, trial):
    """kill -9 of everything in the middle of a training; another worker, elsewhere, does only what is missing."""
    run = f"killed-{trial}"
    steps = 30 + trial
    project.must("plan", "--run", run, "--set", f"train.steps={steps}")
    project.tell("train", step_s=0.1)
    worker = project.start("run", "train", "--run", run)
    wait_for(lambda: len(kept(project, run)) >= 2)
    victims = [worker.pid, *descendants(worker.pid)]
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    worker.communicate()
    assert "train" not in Records(project.remote).done(run)
    done = project.call("run", "train", "--run", run)
    assert done.code == 0, done.log
    assert steps_began(project)[0] == 0
    assert 0 < steps_began(project)[1] <= steps
    assert kept(project, run) == []  # a training that is done needs none
    assert project.ran().count("gather") == 0


def test_stopped_task_saves_and_says_so(project):
    """SIGTERM, as a preempted node sends it: the state is saved and kept, the exit code says to start it again."""
    project.must("plan", "--run", "stopped", "--set", "train.steps=400")
    project.tell("train", step_s=3)  # so long it takes to notice
    worker = project.start("run", "train", "--run", "stopped")
    wait_for(lambda: steps_began(project))
    time.sleep(0.5)
    worker.send_signal(signal.SIGTERM)
    done = wait(worker)
    assert done.code == 75, done.log
    assert "stopped after step" in done.log
    assert kept(project, "stopped")
    project.tell("train")
    assert project.must("run", "train", "--run", "stopped")["did"] == "ran"
    assert steps_began(project)[1] > 0
    assert processes_in(project.folder / "scratch") == []


def test_stage_that_ignores_the_signal_is_killed(project):
    """The grace has an end."""
    project.must("plan", "--run", "deaf", "--set", "train.steps=401")
    project.tell("train", step_s=60)  # looks at the signal between steps only
    worker = project.start("run", "train", "--run", "deaf", PEEWEE_GRACE_S="0.5")
    wait_for(lambda: steps_began(project))
    began = time.monotonic()
    worker.send_signal(signal.SIGTERM)
    assert wait(worker).code == 75
    assert time.monotonic() - began < 30
    assert processes_in(project.folder / "scratch") == []


def test_stage_ends_when_its_worker_is_killed(project):
    """kill -9 of the worker alone, as by a scheduler that lost patience: no training goes on unseen."""
    project.must("plan", "--run", "orphan", "--set", "train.steps=402")
    project.tell("train", step_s=60)
    worker = project.start("run", "train", "--run", "orphan")
    wait_for(lambda: steps_began(project))
    worker.kill()
    worker.wait()  # not `communicate`: a stage that goes on keeps the pipes open
    try:
        wait_for(lambda: processes_in(project.folder / "scratch") == [], 20)
    finally:
        for pid in processes_in(project.folder / "scratch"):
            os.kill(int(pid), signal.SIGKILL)
        worker.communicate()
    project.tell("train")
    project.must("run", "train", "--run", "orphan")
    assert list((project.folder / "scratch").iterdir()) == []  # what the killed one left is gone too


def test_crashed_stage_is_worth_another_try(project):
    """It said nothing before it died: perhaps the machine's fault."""
    project.must("plan", "--run", "crashed", "--set", "train.steps=403")
    project.tell("train", step_s=60)
    worker = project.start("run", "train", "--run", "crashed")
    wait_for(lambda: steps_began(project))
    # sh may have become the stage: the youngest of the worker's processes is the stage's own.
    os.kill(max(descendants(worker.pid)), signal.SIGKILL)
    done = wait(worker)
    assert done.code in (1, 128 + signal.SIGKILL), done.log
    assert "failed" in done.log


def test_stage_with_several_processes_is_started_by_torchrun(project):
    """PEEWEE_PROCESSES: the command in dvc.yaml stays; the exit code of the training is the task's."""
    stage = project.source / "pipeline/stages/train.py"
    code = stage.read_text()
    stage.write_text(
        code.replace(
            'told = trace("train")',
            'told = trace("train")\n'
            '    told = told if os.environ["RANK"] == "0" else {}\n'
            '    open(pathlib.Path(os.environ["TRACE"]) / "ranks", "a").write(os.environ["RANK"] + "\\n")\n'
            '    if told.get("preempted"):\n'
            '        raise Preempted("as asked")\n'
            '    if os.environ["RANK"] != "0":\n'
            "        raise SystemExit(0)",
        )
    )
    try:
        project.commit("a training on several processes")
        project.must("plan", "--run", "ranks")
        project.tell("train", preempted=True)
        done = project.call("run", "train", "--run", "ranks", PEEWEE_PROCESSES="2")
        assert done.code == 75, done.log
        project.tell("train")
        (project.trace / "ranks").unlink()
        assert project.must("run", "train", "--run", "ranks", PEEWEE_PROCESSES="2")["did"] == "ran"
        assert sorted((project.trace / "ranks").read_text().split()) == ["0", "1"]
    finally:
        stage.write_text(code)
        project.commit("as it was")


def test_checkpoints_are_of_the_run_only(project):
    """Another run may have other code: it starts at step 0."""
    project.must("plan", "--run", "one", "--set", "train.steps=404")
    project.tell("train", step_s=0.1)
    worker = project.start("run", "train", "--run", "one")
    wait_for(lambda: kept(project, "one"))
    worker.send_signal(signal.SIGTERM)
    assert wait(worker).code == 75
    project.tell("train")
    project.must("plan", "--run", "other", "--set", "train.steps=404")
    project.must("run", "train", "--run", "other")
    assert steps_began(project) == [0, 0]


def test_answer_is_one_line_of_json(project):
    """Whatever the stage prints, the last line of stdout is the worker's."""
    worker = project.start("plan", "--run", "line")
    out, _ = worker.communicate(timeout=60)
    assert len(out.splitlines()) == 1
    assert json.loads(out)["run"] == "line"

"""The worker's protocol, on a real git repository, with real DVC: each task in a clone of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.params.yaml_file import dump_yaml, load_yaml
from pipeline.runs.records import Records
from tests.closure import ROOT
from tests.pipeline.commands.worker_project import GRAPH, Project, make_project

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A project in which the run `first` was done and sealed."""
    folder = tmp_path_factory.mktemp("finished")
    project = make_project(folder, str(folder / "remote"))
    answers = project.run_all("first")
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "sealed.json").write_text(json.dumps(project.must("seal", "--run", "first")))
    return project


@pytest.fixture
def project(finished, tmp_path):
    """The same project, for a test of its own."""
    shutil.copytree(finished.folder, tmp_path / "project")
    copy = Project(tmp_path / "project", str(tmp_path / "project" / "remote"))
    copy.git("remote", "set-url", "origin", str(copy.origin))
    copy.forget_trace()
    return copy


def by_hand(project, folder):
    """The version that comes out if all stages are run in one folder, one after the other, without DVC or worker."""
    subprocess.run(["git", "clone", "--quiet", str(project.origin), str(folder)], check=True)
    for stage in GRAPH:
        env = project.env(PEEWEE_STORE=str(folder / "store"))
        subprocess.run([sys.executable, "-m", "pipeline", stage], cwd=folder, env=env, check=True)
    version = json.loads((folder / "receipts/publish.json").read_text())["version"]
    return version


def test_run_in_many_clones_gives_what_one_folder_gives(finished, tmp_path):
    """Every stage ran once, on the right data, folders pulled whole: the last hash depends on all of it."""
    answers = json.loads((finished.folder / "answers.json").read_text())
    assert finished.ran() == list(GRAPH)
    assert {answer["did"] for answer in answers.values()} == {"ran"}
    assert answers["publish"]["receipt"]["version"] == by_hand(finished, tmp_path / "clone")
    assert answers["tune"]["metrics"] == {"loss": 0.5}


def test_seal_commits_the_lock_and_tags_the_release(finished):
    """Whoever checks the tag out and says `dvc pull` has what was released."""
    sealed = json.loads((finished.folder / "sealed.json").read_text())
    references = finished.references()
    assert references["refs/heads/runs/first"] == references[f"refs/tags/{sealed['tag']}"] == sealed["commit"]
    finished.git("fetch", "--quiet", "origin", "runs/first")
    lock = load_yaml(finished.git("show", "FETCH_HEAD:dvc.lock"))
    assert lock["schema"] == "2.0"
    assert set(lock["stages"]) == set(GRAPH)
    assert finished.git("diff", "--name-only", "HEAD", "FETCH_HEAD") == "dvc.lock"
    entry = Records(finished.remote).entry("first", "train")
    assert entry
    assert lock["stages"]["train"] == entry.data
    assert entry.data["params"] == {"params.yaml": {"train": {"steps": 20, "rate": 1e-6}}}


def test_sealed_lock_satisfies_dvc_itself(finished, tmp_path):
    """`dvc status` of a clone of the sealed commit, after `dvc pull`, has nothing to say but of publish."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--branch", "runs/first", str(finished.origin), str(clone)], check=True)
    (clone / ".dvc/config.local").write_text(
        f"[core]\n    remote = r\n    site_cache_dir = {tmp_path}/site\n"
        f"['remote \"r\"']\n    url = {finished.remote}/dvc\n    verify = true\n"
    )
    code = (
        "from dvc.repo import Repo\nrepo = Repo()\nrepo.pull(targets=['gather', 'train', 'tune'])\n"
        "print(sorted(repo.status(targets=['gather', 'train', 'tune'])))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=clone, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
    assert (clone / "models/b/deep/two").is_file()


def test_second_run_with_nothing_changed_trains_nothing_and_publishes_nothing_new(project):
    """Results are found by what a stage would read; the store and git stay as they are."""
    references = project.references()
    planned = project.must("plan", "--run", "second")
    assert planned["would_run"] == ["publish"]
    answers = {stage: project.must("run", stage, "--run", "second") for stage in GRAPH}
    assert [answers[stage]["did"] for stage in GRAPH] == ["already done"] * 3 + ["ran"]
    assert project.ran() == ["publish"]
    sealed = project.must("seal", "--run", "second")
    assert project.references() == references
    assert sealed["branch"] is None
    assert sealed["commit"] == references["refs/heads/runs/first"]


def test_changed_parameter_reruns_its_stage_and_what_follows(project):
    """A vocoder's parameter retrains the vocoder; the commit with the parameter is in git once it is sealed."""
    base = project.references()["refs/heads/main"]
    answers = project.run_all("tuned", "--set", "tune.steps=7", "--reason", "a try")
    assert project.ran() == ["tune", "publish"]
    assert answers["train"]["did"] == "already done"
    planned = project.must("show", "--run", "tuned")
    assert planned["commit"] != planned["base_commit"] == base
    assert (project.folder / "releases/commit").read_text() == planned["commit"]  # what a release's manifest names
    sealed = project.must("seal", "--run", "tuned")
    project.git("fetch", "--quiet", "origin", "runs/tuned")
    assert project.git("rev-parse", "FETCH_HEAD~1") == planned["commit"]
    assert project.git("rev-parse", "FETCH_HEAD~2") == base
    assert "tune: {steps: 7}" in project.git("show", "FETCH_HEAD:params.yaml")
    assert "a try" in project.git("log", "-1", "--format=%B", planned["commit"])
    assert project.references()[f"refs/tags/{sealed['tag']}"] == sealed["commit"]


def test_stale_lock_of_the_commit_is_not_used(project, tmp_path):
    """A dvc.lock in git, of before a change, names data that are still in the remote: the run's own are read."""
    project.git("pull", "--quiet", "origin", "runs/first")
    stage = project.source / "pipeline/stages/gather.py"
    stage.write_text(stage.read_text() + "\n# another\n")
    project.commit("another gather, and the old dvc.lock")
    assert (project.source / "dvc.lock").exists()
    answers = project.run_all("fresh")
    assert project.ran() == list(GRAPH)
    assert answers["publish"]["receipt"]["version"] == by_hand(project, tmp_path / "clone")


def test_missing_entry_of_an_ancestor_stops_the_task(project):
    """Not the direct one only. Nothing runs, and to try again is of no use."""
    project.must("plan", "--run", "gap", "--set", "corpus.n=4")
    project.must("run", "gather", "--run", "gap")
    project.must("run", "train", "--run", "gap")
    (Path(project.remote) / "runs/gap/lock/gather.yaml").unlink()
    done = project.call("run", "tune", "--run", "gap")
    assert done.code == 2
    assert "tune needs gather" in done.log
    assert project.ran() == ["gather", "train"]


def test_guard_stops_dvc_from_rebuilding_an_ancestor(project):
    """An entry that does not fit the code: DVC wants the ancestor anew, and its command refuses."""
    project.must("plan", "--run", "odd", "--set", "train.steps=21")
    path = Path(project.remote) / "runs/odd/lock/gather.yaml"
    entry = load_yaml(path.read_bytes())
    entry["deps"][0]["md5"] = "0" * 32
    path.write_bytes(dump_yaml(entry))
    done = project.call("run", "train", "--run", "odd")
    assert done.code == 2
    assert "is train, and DVC wants gather anew" in done.log
    assert project.ran() == []
    assert "train" not in project.must("show", "--run", "odd")["done"]


def test_stage_command_refuses_another_stage_than_the_task(project):
    """The guard itself, without a worker."""
    env = {**os.environ, "PEEWEE_RUN_STAGE": "train", "PEEWEE_RUN": "r"}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "ingest"], cwd=ROOT, env=env, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "the task of run r is train" in done.stderr


@pytest.mark.parametrize("damage", ["flip", "lose"])
def test_damaged_input_in_the_remote_is_not_read(project, damage):
    """DVC compares what it pulls with its hash; the stage does not begin."""
    project.must("plan", "--run", "hurt", "--set", "train.steps=22")
    outs = load_yaml((Path(project.remote) / "runs/hurt/lock/gather.yaml").read_bytes())["outs"]
    listing = next(out["md5"] for out in outs if out["path"] == "data/corpus")
    files = Path(project.remote) / "dvc/files/md5"
    item = json.loads((files / listing[:2] / listing[2:]).read_text())[0]["md5"]
    path = files / item[:2] / item[2:]
    data = path.read_bytes()
    path.unlink()
    if damage == "flip":
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    done = project.call("run", "train", "--run", "hurt")
    assert done.code == 75
    assert "t be got from the remote" in done.log
    assert project.ran() == []


def test_result_that_the_remote_has_lost_is_made_anew(project):
    """Somebody cleaned up: a listed folder of which one file is gone is no result."""
    outs = load_yaml((Path(project.remote) / "runs/first/lock/train.yaml").read_bytes())["outs"]
    files = Path(project.remote) / "dvc/files/md5"
    listing = outs[0]["md5"]
    item = json.loads((files / listing[:2] / listing[2:]).read_text())[0]["md5"]
    (files / item[:2] / item[2:]).unlink()
    project.run_all("again")
    assert project.ran() == ["train", "publish"]  # the very same came out, so `tune` need not run


def test_failed_gate_costs_no_training_in_the_next_run(project):
    """What a run did stays of use though the run was never sealed; the refusal is not to be retried."""
    project.tell("publish", refuse="the gate says no")
    project.must("plan", "--run", "refused", "--set", "train.steps=23")
    for stage in GRAPH[:-1]:
        project.must("run", stage, "--run", "refused")
    done = project.call("run", "publish", "--run", "refused")
    assert done.code == 2
    assert "the gate says no" in done.log
    assert project.call("seal", "--run", "refused").code == 2
    project.tell("publish")
    project.forget_trace()
    project.run_all("allowed", "--set", "train.steps=23")
    assert project.ran() == ["publish"]


def test_task_that_is_done_is_not_done_again(project):
    """A cleared or repeated task of the same run finds its entry, without a clone."""
    project.must("plan", "--run", "twice")
    first = project.must("run", "publish", "--run", "twice")
    second = project.must("run", "publish", "--run", "twice")
    assert (first["did"], second["did"]) == ("ran", "already done")
    assert first["receipt"] == second["receipt"]
    assert project.ran() == ["publish"]


def test_plan_is_written_once(project):
    """The same again gives the same, another one is refused: all workers have the same parameters."""
    asked = ("plan", "--run", "Manual__2026-11-24T00:00:00+00:00", "--profile", "big", "--set", "tune.steps=3")
    planned = project.must(*asked)
    assert planned["run"] == "manual__2026-11-24t00-00-00-00-00"
    project.commit("nothing") if project.git("status", "--porcelain") else None
    assert project.must(*asked) == planned
    assert project.call(*asked[:3], "--set", "tune.steps=4").code == 2
    params = Records(project.remote).plan(planned["run"]).params
    assert params
    assert load_yaml(params) == {"corpus": {"n": 3}, "train": {"steps": 30, "rate": 1e-6}, "tune": {"steps": 3}}


def test_plan_holds_a_commit_though_the_branch_moves_on(project):
    """A run planned before a push goes on with what it was planned for."""
    project.must("plan", "--run", "before", "--revision", "main", "--set", "tune.steps=9")
    (project.source / "params.yaml").write_text("corpus: {n: 99}\ntrain: {steps: 99, rate: 1.0}\ntune: {steps: 99}\n")
    project.commit("moved on")
    project.must("run", "tune", "--run", "before")
    entry = Records(project.remote).entry("before", "tune")
    assert entry
    assert entry.data["params"] == {"params.yaml": {"tune": {"steps": 9}}}


def test_seal_twice_is_sealing_once(project):
    """The second call is by the same worker, and by another one that does not know the first."""
    references = project.references()
    first = project.must("seal", "--run", "first")
    (Path(project.remote) / "runs/first/sealed.json").unlink()
    assert project.must("seal", "--run", "first") == first
    assert project.references() == references


def test_two_sealers_at_once_write_the_same_commit(project):
    """Its author, date and message are the plan's."""
    project.run_all("both", "--set", "tune.steps=8")
    workers = [project.start("seal", "--run", "both") for _ in range(2)]
    outs = [json.loads(worker.communicate(timeout=120)[0].splitlines()[-1]) for worker in workers]
    assert outs[0] == outs[1]
    assert project.references()["refs/heads/runs/both"] == outs[0]["commit"]


@pytest.mark.parametrize(
    ("arguments", "environment", "code", "says"),
    [
        (("run", "train", "--run", "unheard"), {}, 2, "has no run 'unheard'"),
        (("run", "unheard", "--run", "first"), {}, 2, "no stage 'unheard'"),
        (("run", "train", "--run", "first", "--commit", "0" * 40), {}, 2, "not 000000"),
        (("run", "train", "--run", "first"), {"PEEWEE_REMOTE": ""}, 2, "PEEWEE_REMOTE is not set"),
        (("run", "train", "--run", "first"), {"PEEWEE_REMOTE": "gs://bucket"}, 2, "s3://bucket/prefix"),
        (("plan", "--run", "x"), {"PEEWEE_REPOSITORY": ""}, 2, "no repository"),
        (("plan", "--run", "x", "--revision", "nowhere"), {}, 2, "couldn't find remote ref nowhere"),
        (("plan", "--run", "x", "--profile", "huge"), {}, 2, "no profile 'huge'"),
        (("plan", "--run", "x", "--set", "tune.stepps=1"), {}, 2, "no `stepps` there, only steps"),
        (("plan", "--run", "x", "--set", "tune.steps"), {}, 2, "KEY=VALUE"),
        (("plan", "--run", "--"), {}, 2, ""),
        (("plan", "--run", "x", "--repository", "https://127.0.0.1:9/x"), {}, 75, "Failed to connect"),
    ],
)  # fmt: skip
def test_exit_code_says_whether_to_try_again(finished, arguments, environment, code, says):
    """2 for what a person must put right, 75 for what may pass."""
    before = finished.ran()
    done = finished.call(*arguments, **environment)
    assert done.code == code, done.log
    assert says in done.log
    assert "Traceback" not in done.log
    assert finished.ran() == before


def test_publish_without_a_store_is_refused(project):
    """Else it would go into the scratch folder, and with it."""
    project.must("plan", "--run", "nowhere")
    done = project.call("run", "publish", "--run", "nowhere", PEEWEE_STORE="")
    assert done.code == 2
    assert "PEEWEE_STORE is not set" in done.log


def test_secrets_stand_nowhere(project):
    """T13 for the worker: neither in the remote, nor in a log, nor in git."""
    secrets = {"AWS_SECRET_ACCESS_KEY": "s3cr3t-aws", "MY_PASSWORD": "s3cr3t-env"}
    log = ""
    address = "https://someone:s3cr3t-git@127.0.0.1:9/x?token=s3cr3t-token"
    log += project.call("plan", "--run", "s", "--repository", address).log
    done = project.call("plan", "--run", "s", "--set", "tune.steps=31", **secrets)
    log += done.log + json.dumps(done.answer)
    for stage in GRAPH:
        done = project.call("run", stage, "--run", "s", **secrets)
        log += done.log + json.dumps(done.answer)
    project.must("seal", "--run", "s", **secrets)
    assert "s3cr3t" not in log
    assert "someone" not in log
    for root in (project.remote, project.origin, project.folder / "scratch"):
        for path in Path(root).rglob("*"):
            assert not path.is_file() or b"s3cr3t" not in path.read_bytes(), path


def test_nothing_is_left_in_the_scratch_folder(finished):
    """Every clone is gone."""
    assert list((finished.folder / "scratch").iterdir()) == []

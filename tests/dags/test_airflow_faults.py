"""T21 and T22 with a real scheduler: what is killed in the middle of a run, and who is asked twice.

The stages are stand-ins that take a second, `bundle` and `publish` the real ones; their names are ours, so Airflow
runs the DAG that it always runs. Few rounds here; all of HARDENING's with FAULTS=full, as `make faults` does.
"""

import itertools
import json
import os
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from peewee_model.store.store import open_store
from tests.dags.embedded import RETRAIN, Airflow, Postgres, airflow, postgres, wait_until
from tests.pipeline.stages import small_project
from tests.stand_in_graph import git

pytestmark = pytest.mark.system

FULL = os.environ.get("FAULTS") == "full"
ROUNDS = {"task": 20, "scheduler": 10, "both": 5, "database": 3} if FULL else {"task": 1, "scheduler": 1, "database": 1}
N_TRIGGERS = 5 if FULL else 2
CASES = [(kind, number) for kind, count in ROUNDS.items() for number in range(count)]
STAGES = ("train_encoder", "train_synthesizer", "train_vocoder", "embed_speakers", "evaluate", "bundle", "publish")
GPU = ("train_encoder", "embed_speakers", "train_synthesizer", "train_vocoder", "evaluate")
# Before what the stand-in does: the worker's own checks, a trace of who ran when, and time to be killed.
TRACED = """
import atexit, json, os, pathlib, sys, time
from pipeline.runs.stage_process import before_stage, leave_outcome
if (code := before_stage(sys.argv[1])) is not None:
    sys.exit(code)
folder, began = pathlib.Path(os.environ["STAND_IN_TRACE"]), time.time()
def ended():
    leave_outcome(0, time.time() - began)
    with open(folder / "ran", "a") as file:
        file.write(json.dumps([sys.argv[1], began, time.time()]) + "\\n")
atexit.register(ended)
told = folder / "linger"
if told.exists() and told.read_text() == sys.argv[1]:
    time.sleep(6)
"""


@dataclass
class Site:
    """Airflow, its database, and a place for each round."""

    airflow: Airflow
    database: Postgres
    folder: Path
    n_places: int = 0

    @property
    def trace(self):
        return self.folder / "trace"

    @property
    def store(self):
        return self.folder / f"store-{self.n_places}"

    def new_place(self):
        """From now on, runs know nothing of those before."""
        self.n_places += 1
        for name, value in {"remote": self.folder / f"remote-{self.n_places}", "store": self.store}.items():
            self.airflow.ask("DELETE", f"/variables/peewee_{name}") if self.n_places > 1 else None
            self.airflow.ask("POST", "/variables", {"key": f"peewee_{name}", "value": str(value)})

    def linger(self, stage):
        """Let a stage take time from now on; none, if it is empty."""
        (self.trace / "linger").write_text(stage)

    def released(self):
        """The one version that is there, published once."""
        store = open_store(str(self.store))
        (version,) = store.versions()
        assert [item.entry.version for item in store.history("stable")] == [version]
        return version

    def wait_for_stage(self, stage, run):
        """Wait until a stage's own command runs; give the launcher that Airflow's task started."""
        found = []

        def runs():
            found[:] = [item for item in self.airflow.processes(f"run {stage} --run {run}") if "launcher" in line(item)]
            return bool(found) and bool(self.airflow.processes(f"make.py {stage}"))

        wait_until(runs, 300)
        return found[0]

    def kill_task(self, stage, run):
        """SIGKILL to the process group of Airflow's task."""
        task = self.wait_for_stage(stage, run).parent()
        assert task is not None
        group = os.getpgid(task.pid)
        assert group == task.pid, "Airflow's task has no process group of its own"
        os.killpg(group, signal.SIGKILL)

    def scheduler(self):
        components = psutil.Process(self.airflow.process.pid).children()
        (found,) = [item for item in components if "airflow" in line(item) and "scheduler" in line(item)]
        return found

    def kill_scheduler(self):
        """SIGKILL to the scheduler; `start.py` starts another."""
        self.scheduler().kill()

    def kill_scheduler_in_a_transaction(self):
        """The same at the worst of times: it has locked a run, and sent nothing that PostgreSQL would still answer."""
        scheduler = self.scheduler()
        query = (
            "SELECT a.client_port FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid) WHERE "
            "a.state = 'idle in transaction' AND l.relation = 'dag_run'::regclass AND l.mode = 'RowShareLock'"
        )

        def has_locked_a_run():
            scheduler.suspend()
            time.sleep(0.1)  # for PostgreSQL to finish what it was asked before
            own = {str(connection.laddr.port) for connection in scheduler.net_connections()}
            if own.isdisjoint(self.database.ask(query)):
                scheduler.resume()
                return False
            return True

        wait_until(has_locked_a_run, 120, pause_s=0.01)
        scheduler.kill()

    def restart_database(self):
        """SIGKILL to the database, and another one a moment later."""
        self.database.kill()
        time.sleep(3)
        self.database.start()


def line(process):
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


@pytest.fixture(scope="module")
def site(airflow_python, tmp_path_factory):
    """Airflow on PostgreSQL, with a project of stand-ins."""
    folder = tmp_path_factory.mktemp("faults")
    repository = folder / "repository"
    repository.mkdir()
    (folder / "trace").mkdir()
    small_project.make_project(repository)
    (repository / "make.py").write_text(TRACED + small_project.MAKE)
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "--message", "traced")
    (folder / "nowhere").mkdir()
    with (
        postgres() as database,
        airflow(
            airflow_python,
            folder / "home",
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database.connection,
            AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="30",
            AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL="10",
            AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD="15",
            PEEWEE_REPOSITORY=str(repository),
            PEEWEE_REMOTE=str(folder / "remote-0"),
            PEEWEE_STORE=str(folder / "store-0"),
            PEEWEE_SCHEDULE="0 3 * * 6",
            PEEWEE_RETRY_DELAY_S="1",
            PEEWEE_MAX_RETRY_DELAY_S="5",
            PEEWEE_GRACE_S="5",
            PEEWEE_SCRATCH=str(folder / "nowhere"),
            STAND_IN_TRACE=str(folder / "trace"),
        ) as running,
    ):
        running.ask("PATCH", "/dags/peewee_release_check?update_mask=is_paused", {"is_paused": True})
        yield Site(running, database, folder)
        running.stop()
        assert running.left() == []
        assert list((folder / "nowhere").iterdir()) == []  # no clone is left behind


@pytest.fixture(scope="module")
def undisturbed(site):
    """What a run releases that nothing happens to: the one that the schedule started."""
    wait_until(lambda: bool(site.airflow.runs(RETRAIN)), 120)
    (scheduled,) = site.airflow.runs(RETRAIN)
    assert site.airflow.wait(scheduled["dag_run_id"]) == "success", site.airflow.tasks(scheduled["dag_run_id"])
    return site.released()


def test_start_date_in_the_past_starts_one_run(site, undisturbed):
    """T22: the tick that was missed last, not one for each week since."""
    runs = site.airflow.runs(RETRAIN)
    assert [run["run_type"] for run in runs] == ["scheduled"]


@pytest.mark.parametrize(("kind", "number"), CASES)
def test_run_survives_what_is_killed_in_the_middle(site, undisturbed, kind, number):
    """T21: it ends in success within its retries, with the same release, published once."""
    stage = STAGES[number % 3]
    site.new_place()
    site.linger(stage)
    run = site.airflow.trigger(reason=f"{kind} {number}")
    site.wait_for_stage(stage, run)
    if kind in ("task", "both"):
        site.kill_task(stage, run)
    if kind in ("scheduler", "both"):
        site.kill_scheduler()
    if kind == "database":
        site.restart_database()
    assert site.airflow.wait(run) == "success", site.airflow.tasks(run)
    assert site.released() == undisturbed
    tasks = site.airflow.tasks(run)
    assert all(task["try_number"] <= task["max_tries"] + 1 for task in tasks.values())


def test_scheduler_killed_in_a_transaction_holds_up_no_run(site, undisturbed):
    """T21: its workers live on with its connection, so that PostgreSQL takes it for alive, and its lock for wanted."""
    site.new_place()
    site.linger(STAGES[0])
    run = site.airflow.trigger(reason="killed in a transaction")
    site.wait_for_stage(STAGES[0], run)
    site.kill_scheduler_in_a_transaction()
    assert site.airflow.wait(run, timeout_s=600) == "success", site.airflow.tasks(run)
    assert site.released() == undisturbed


def test_triggers_are_runs_one_at_a_time(site, undisturbed):
    """T22 (five triggers in full): one run and one GPU stage at a time; the others find what the first released."""
    site.new_place()
    site.linger("")
    (site.trace / "ran").unlink()
    runs = [site.airflow.trigger(reason=f"trigger {number}") for number in range(N_TRIGGERS)]
    for run in runs:
        assert site.airflow.wait(run) == "success", site.airflow.tasks(run)
    assert site.released() == undisturbed
    times = sorted((run["start_date"], run["end_date"]) for run in map(site.airflow.run, runs))
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(times))
    ran = [json.loads(text) for text in (site.trace / "ran").read_text().splitlines()]
    spans = sorted((began, ended) for stage, began, ended in ran if stage in GPU)
    assert len(spans) == len(GPU)
    assert all(ended <= began for (_, ended), (began, _) in itertools.pairwise(spans))


def test_cleared_task_stops_its_command_and_starts_again(site, undisturbed):
    """A person clears a running task on the page: the old command ends, a new one follows."""
    site.new_place()
    site.linger("train_vocoder")
    run = site.airflow.trigger(reason="cleared")
    launcher = site.wait_for_stage("train_vocoder", run)
    request = {"dry_run": False, "task_ids": ["train_vocoder"], "dag_run_id": run, "only_failed": False}
    site.airflow.ask("POST", f"/dags/{RETRAIN}/clearTaskInstances", request)
    wait_until(lambda: not launcher.is_running() or launcher.status() == psutil.STATUS_ZOMBIE, 120)
    assert site.airflow.wait(run) == "success", site.airflow.tasks(run)
    assert site.released() == undisturbed


def test_refusal_of_a_stage_is_not_tried_again(site, undisturbed):
    """Data that is wrong today is wrong in a minute."""
    site.new_place()
    shutil.rmtree(site.store, ignore_errors=True)
    run = site.airflow.trigger(reason="refused", overrides={"no.such.section": 1})
    assert site.airflow.wait(run) == "failed"
    plan = site.airflow.tasks(run)["plan"]
    assert (plan["state"], plan["try_number"]) == ("failed", 1)

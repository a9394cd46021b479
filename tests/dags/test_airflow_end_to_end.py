"""`make airflow` on PostgreSQL and the local S3 server: a retraining of `mini` by the REST API, to a cloned voice.

The whole pipeline runs, with few steps of training: the gate fails, and the release is published for a stated reason.
"""

import json
import os
import subprocess
import sys

import pytest
import yaml

from dags.graph import load_graph
from tests.closure import ROOT
from tests.dags.embedded import PASSWORD, airflow, postgres

pytestmark = pytest.mark.system

FAST = {
    "corpus.sources": yaml.safe_load((ROOT / "params.yaml").read_text())["corpus"]["sources"][-1:],  # the smaller one
    "ingest.split.by_subset": {},
    "ingest.split.validation_fraction": 0.3,
    "ingest.split.test_fraction": 0.3,
    "encoder.training.n_speakers": 4,
    "encoder.training.schedule.steps": 4,
    "encoder.training.schedule.validate_every": 4,
    "synthesizer.training.schedule.steps": 4,
    "synthesizer.training.schedule.validate_every": 4,
    "synthesizer.training.n_validation": 4,
    "synthesizer.training.min_diagonality": 0.0,
    "vocoder.n_validation": 2,
    "vocoder.griffin_lim.n_iterations": 4,
    "evaluate.n_samples": 2,
    "evaluate.speaker.n_bootstrap": 10,
    "evaluate.speech.n_sentences": 2,
}
VOCODER = {"vocoder.griffin_lim.n_iterations": 5}
CLONE = """
import sys
from pathlib import Path
from peewee_model import VoiceCloner
from peewee_model.store.store import open_store
store, version = sys.argv[1:]
reference = next(name for name in open_store(store).read_manifest(version).files if name.endswith("_ground_truth.flac"))
cloner = VoiceCloner.load(f"{store}@stable")
speech = cloner.clone("The dog slept.", [open_store(store).read_file(version, reference)])
print(speech.duration_s)
"""


@pytest.fixture(scope="module")
def retrained(airflow_python, tmp_path_factory):
    """Airflow, and a run that went to its end."""
    folder = tmp_path_factory.mktemp("airflow")
    repository = folder / "repository.git"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, repository], check=True)
    with (
        postgres() as database,
        airflow(
            airflow_python,
            folder / "home",
            AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database.connection,
            PEEWEE_REPOSITORY=str(repository),
            PEEWEE_RETRY_DELAY_S="5",
            OMP_NUM_THREADS="1",
        ) as running,
    ):
        run = running.trigger(overrides=FAST, reason="a first try", publish_anyway="it is a test")
        assert running.wait(run) == "success", running.tasks(run)
        yield running, run, repository
        running.stop()
        assert running.left() == []


def test_consumer_clones_a_voice_from_what_was_released(retrained, tmp_path):
    """The channel points to the version that the run names."""
    running, run, repository = retrained
    sealed = running.result(run, "seal")
    receipt = running.result(run, "publish")["receipt"]
    assert receipt["version"] == sealed["version"]
    assert receipt["reason"].endswith("published anyway: it is a test")
    settings = running.where["consumer"]
    done = subprocess.run(
        [sys.executable, "-c", CLONE, settings["PEEWEE_STORE"], sealed["version"]],
        env=os.environ | settings | {"PEEWEE_CACHE": str(tmp_path / "cache")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) > 0
    tags = subprocess.run(["git", "-C", repository, "tag"], capture_output=True, text=True, check=True).stdout.split()
    assert tags == [f"release-{sealed['version']}"]


def test_run_tells_what_it_released(retrained):
    """It does so by its note and by the asset, which starts the check."""
    running, run, _ = retrained
    version = running.result(run, "seal")["version"]
    assert running.run(run)["note"].splitlines()[0] == f"release {version}"
    (event,) = running.ask("GET", "/assets/events")["asset_events"]
    assert event["extra"]["version"] == version
    assert "speaker.eer" in event["extra"]["metrics"]
    (checked,) = running.runs("peewee_release_check")
    assert running.wait(checked["dag_run_id"], "peewee_release_check") == "success"
    verdict = running.result(checked["dag_run_id"], "check", "peewee_release_check")
    assert (verdict["version"], verdict["passed"]) == (version, True)


def test_audit_finds_the_promoted_release_as_it_was_made(retrained):
    """In a fresh clone at the release's tag, with what the remote and the store hold."""
    running, _, _ = retrained
    audited = running.trigger("peewee_audit")
    assert running.wait(audited, "peewee_audit") == "success", running.tasks(audited, "peewee_audit")


def test_second_run_with_nothing_changed_trains_and_publishes_nothing(retrained):
    """DVC's record decides, not Airflow's."""
    running, run, _ = retrained
    again = running.trigger(overrides=FAST, reason="a second try", publish_anyway="it is a test")
    assert running.wait(again) == "success", running.tasks(again)
    assert running.result(again, "seal")["version"] == running.result(run, "seal")["version"]
    did = {name: running.result(again, name)["did"] for name in load_graph()}
    assert [name for name, how in did.items() if how == "ran"] == ["publish"], did  # which asks the store each time
    first, second = (running.result(each, "publish")["receipt"] for each in (run, again))
    assert first["number"] == second["number"]


def test_changed_vocoder_retrains_the_vocoder_and_what_follows(retrained):
    """And nothing before it."""
    running, run, _ = retrained
    changed = running.trigger(overrides=FAST | VOCODER, reason="another vocoder", publish_anyway="it is a test")
    assert running.wait(changed) == "success", running.tasks(changed)
    did = {name: running.result(changed, name)["did"] for name in load_graph()}
    assert {name for name, how in did.items() if how == "ran"} == {"train_vocoder", "evaluate", "bundle", "publish"}, (
        did
    )
    assert running.result(changed, "seal")["version"] != running.result(run, "seal")["version"]


def test_no_secret_stands_where_people_look(retrained):
    """T13: keys of S3, passwords of Airflow and of its database; in logs, rendered templates, results and git."""
    running, run, repository = retrained
    kept = json.loads((running.home / "keys.json").read_text())
    planted = [PASSWORD, running.where["consumer"]["AWS_SECRET_ACCESS_KEY"], *kept.values()]
    fields = {name: task["rendered_fields"] for name, task in running.tasks(run).items()}
    results = {name: running.result(run, name) for name in load_graph()}
    locks = subprocess.run(
        ["git", "-C", repository, "log", "--all", "-p"], capture_output=True, text=True, check=True
    ).stdout
    looked = {"logs": running.logs(), "templates": json.dumps(fields), "results": json.dumps(results), "git": locks}
    assert "PEEWEE_STORE" in looked["templates"]
    for place, text in looked.items():
        assert [secret for secret in planted if secret in text] == [], place

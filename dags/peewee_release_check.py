"""Checks that a consumer can use the new release. If not, the channel is rolled back to the release before."""

import datetime

from airflow.sdk import DAG, Param

from dags.assets import RELEASE, released_version
from dags.commands import RELEASE_CHECK
from dags.graph import Needs
from dags.runners import make_task
from dags.settings import Settings, variable

DOC = """
**A consumer's check of each release.** It loads the release from the store, verifies every file, clones a sentence and
recognizes it. If that fails and the channel still points to this release, the channel is rolled back to the release
before, and this run fails, so that an alert is sent. If the store can't be reached, the check is tried again, and
nothing is rolled back.
"""
PARAMS = {
    "version": Param(
        "", type="string", title="Release", description="Empty: the one that set this run off, else the channel's."
    ),
    "channel": Param(
        "", type="string", title="Channel", description="Empty for the variable `peewee_channel`, else stable."
    ),
}
CHANNEL = "{{ params.channel or " + variable("channel", "stable").strip("{} ") + " }}"
VERSION = "{{ params.version or released_version(triggering_asset_events) or '' }}"

settings = Settings.from_environment()

with DAG(
    "peewee_release_check",
    description="A consumer's look at each release; rolls a bad one back",
    doc_md=DOC,
    schedule=[RELEASE],
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["peewee-tts"],
    user_defined_macros={"released_version": released_version},
) as dag:
    make_task(
        settings,
        "check",
        RELEASE_CHECK,
        ["--channel", CHANNEL, "--version", VERSION, "--roll-back"],
        Needs(cpu=4, memory="8Gi", timeout_s=3600, retries=3),
        "Load, verify, clone, recognize; roll back if that fails.",
    )

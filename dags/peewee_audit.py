"""Audits the promoted release: checks that it was made from the inputs that it records."""

import datetime

from airflow.sdk import DAG, CronTriggerTimetable, Param

from dags.commands import RELEASE_AUDIT
from dags.graph import Needs
from dags.runners import make_task
from dags.settings import Settings, variable

DOC = """
**A daily audit of the promoted release**, by `peewee-tts audit verify`, in a clone at the release's tag. Every file in
the store and in DVC's remote is hashed again; modification times and caches are not used. If a file differs (exit code
3), this run fails at once, and an alert names the path. The run also fails if a file can't be found (exit code 4), such
as the data of a release that no run made; then nothing differs, and the alert names a remedy.
"""
PARAMS = {"release": Param("", type="string", title="Release", description="A version; empty for the channel's.")}
RELEASE = "{{ params.release or " + variable("channel", "stable").strip("{} ") + " }}"

settings = Settings.from_environment()

with DAG(
    "peewee_audit",
    description="Re-hashes what the promoted release was made of",
    doc_md=DOC,
    schedule=CronTriggerTimetable(settings.daily, timezone="UTC") if settings.daily else None,
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    params=PARAMS,
    tags=["peewee-tts"],
) as dag:
    make_task(
        settings,
        "verify",
        RELEASE_AUDIT,
        [RELEASE],
        Needs(cpu=4, memory="4Gi", timeout_s=6 * 3600, retries=2),
        "Hash every edge from archive to published file, and name the first that differs.",
    )

"""Checks for new and changed source archives; if there are any, updates the corpus asset, to start a retraining."""

import datetime
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowSkipException

from dags.alerts import tell
from dags.assets import CORPUS
from dags.commands import CORPUS_WATCH
from dags.graph import Needs
from dags.runners import make_task, policy
from dags.settings import Settings, variable

DOC = """
**A daily check of the sources of the archives.** `look` requests the ETag and length of each source of `params.yaml`.
It also reads the lists of hashes and the folder of new archives, if they are set. `announce` stores the result beside
the corpus asset, and updates the asset if something has changed; the first check changes nothing. If a publisher's hash
of an archive differs from `params.yaml`, `download` would refuse the archive, so an alert names it.
"""
SEEN = "seen"


def announce(looked: dict[str, Any], outlet_events: Any, asset_state_store: Any) -> None:
    """Remember what was seen, and update the corpus asset if something changed."""
    asset_state_store[CORPUS].set(SEEN, looked["seen"])
    changes = looked["changes"]
    if looked["wrong"]:
        tell("peewee_corpus_watch: an archive would be refused", "\n".join(looked["wrong"]))
    if not changes:
        raise AirflowSkipException("nothing changed")
    outlet_events[CORPUS].extra = {"changes": changes}
    tell("peewee_corpus_watch: the corpus changed", "\n".join(changes))


settings = Settings.from_environment()

with DAG(
    "peewee_corpus_watch",
    description="Notices new and changed source archives",
    doc_md=DOC,
    schedule=CronTriggerTimetable(settings.daily, timezone="UTC") if settings.daily else None,
    start_date=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    catchup=False,
    max_active_runs=1,
    tags=["peewee-tts"],
) as dag:
    look = make_task(
        settings,
        "look",
        CORPUS_WATCH,
        [
            "--revision",
            variable("revision", "HEAD"),
            "--known",
            "{{ asset_state_store.get('" + SEEN + "', {}) | tojson }}",
        ],
        Needs(memory="1Gi", timeout_s=1800),
        "Ask each source for its ETag and length; read lists of hashes and the folder of new archives.",
        environment={
            "PEEWEE_HASH_LISTS": variable("hash_lists"),
            "PEEWEE_CORPUS_INBOX": variable("corpus_inbox"),
        },
        inlets=[CORPUS],
    )
    report = PythonOperator(
        task_id="announce",
        python_callable=announce,
        op_kwargs={"looked": look.output},
        outlets=[CORPUS],
        **policy(
            settings, Needs(timeout_s=300), "Remember what was seen; update the corpus asset if something changed."
        ),
    )
    report.set_upstream(look)

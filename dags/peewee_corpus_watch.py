"""Has a source archive changed, or appeared? Then the corpus asset is updated, which sets a retraining off."""

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
**A daily look at where the archives come from.** `look` asks each source of `params.yaml` for its ETag and length, and
reads the lists of hashes and the folder of new archives that are set. `announce` remembers what was seen, beside the
corpus asset, and updates the asset if something changed since; the first look changes nothing. An archive whose hash at
its publisher is not the one in `params.yaml` would be refused by `download`: the alert says which.
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
    told = PythonOperator(
        task_id="announce",
        python_callable=announce,
        op_kwargs={"looked": look.output},
        outlets=[CORPUS],
        **policy(
            settings, Needs(timeout_s=300), "Remember what was seen; update the corpus asset if something changed."
        ),
    )
    told.set_upstream(look)

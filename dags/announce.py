"""Announces a sealed run: updates the release asset and the run's note, and sends a message."""

import json
import logging
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from dags.alerts import tell
from dags.assets import RELEASE

logger = logging.getLogger(__name__)

CONNECTION = "peewee_airflow"
_TIMEOUT_S = 10
_MAX_NOTE = 1000


def announce(context: Mapping[str, Any], result: Mapping[str, Any] | None) -> None:
    """Update the release asset with what was released, and note it on the run. Called after `seal`."""
    sealed = dict(result or {})
    context["outlet_events"][RELEASE].extra = {
        "version": sealed.get("version"),
        "commit": sealed.get("commit"),
        "tag": sealed.get("tag"),
        "run": sealed.get("run"),
        "metrics": {headline["path"]: headline["value"] for headline in sealed.get("headlines") or ()},
    }
    write_note(context["dag_run"].dag_id, context["dag_run"].run_id, describe(sealed))


def tell_release(context: Mapping[str, Any]) -> None:
    """Send a message about the new release."""
    instance = context["task_instance"]
    sealed = instance.xcom_pull(task_ids=instance.task_id) or {}
    tell(f"{instance.dag_id}: released {sealed.get('version')}", describe(sealed))


def describe(sealed: Mapping[str, Any]) -> str:
    """Describe in a few lines what a run released."""
    lines = [f"release {sealed.get('version')}", f"commit {sealed.get('commit')}"]
    lines += [f"{headline['name']} {headline['text']}" for headline in sealed.get("headlines") or ()]
    return "\n".join(lines)


def write_note(dag_id: str, run_id: str, note: str) -> None:
    """Write a run's note by Airflow's API, if the connection `peewee_airflow` has its address.

    If the note can't be written, a line in the log says so, because the release is published all the same.
    """
    try:
        api = Connection.get(CONNECTION)
    except AirflowNotFoundException:
        logger.info("no note on the run: there is no connection %s", CONNECTION)
        return
    base = str(api.host).rstrip("/")
    try:
        token = _ask("POST", f"{base}/auth/token", {"username": api.login, "password": api.password}, {})[
            "access_token"
        ]
        where = f"{base}/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}?update_mask=note"
        _ask("PATCH", where, {"note": note[:_MAX_NOTE]}, {"Authorization": f"Bearer {token}"})
    except (OSError, ValueError, KeyError) as error:
        logger.warning("the note on the run was not written: %s: %s", type(error).__name__, error)


def _ask(method: str, url: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"the host of connection {CONNECTION} is no http(s) address")
    request = urllib.request.Request(  # noqa: S310, http(s) as just seen
        url, json.dumps(body).encode(), {"Content-Type": "application/json", **headers}, method=method
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        found: dict[str, Any] = json.load(answer)
        return found

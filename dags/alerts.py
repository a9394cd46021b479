"""Sends failures and results to people: to the log, and to the addresses of the connection `peewee_alerts`.

The connection's password contains the addresses, separated by white space, because such an address is itself a secret.
`https://...` receives a POST of JSON, {"title": ..., "text": ...}. All others are Apprise's (`mailto://`, `slack://`,
...).
"""

import json
import logging
import urllib.request
from collections.abc import Mapping
from typing import Any

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

logger = logging.getLogger(__name__)

CONNECTION = "peewee_alerts"
_TIMEOUT_S = 10
_MAX_TEXT = 2000


def tell_failure(context: Mapping[str, Any]) -> None:
    """Send a message that a task has finally failed."""
    instance = context["task_instance"]
    reason = " ".join(str(context.get("exception") or "no reason is known").split())[:_MAX_TEXT]
    tell(f"{instance.dag_id}: {instance.task_id} failed", f"run {instance.run_id}, try {instance.try_number}: {reason}")


def log_retry(context: Mapping[str, Any]) -> None:
    """Note that a task failed and will be tried again."""
    instance = context["task_instance"]
    logger.warning(
        "task=%s run=%s try=%s failed, next try follows", instance.task_id, instance.run_id, instance.try_number
    )


def tell(title: str, text: str) -> None:
    """Send a message to all addresses. An address that fails does not stop the others."""
    logger.warning("%s: %s", title, text)
    for place, address in enumerate(_addresses()):
        try:
            _send(address, title, text)
        except Exception as error:  # noqa: BLE001, an alert that fails must not fail the task; an address is a secret
            logger.warning("alert=%d was not delivered: %s", place, type(error).__name__)


def _addresses() -> list[str]:
    try:
        return (Connection.get(CONNECTION).password or "").split()
    except AirflowNotFoundException:
        return []


def _send(address: str, title: str, text: str) -> None:
    if address.startswith(("http://", "https://")):
        request = urllib.request.Request(  # noqa: S310, http(s) as just seen
            address, json.dumps({"title": title, "text": text}).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
            return
    import apprise

    target = apprise.Apprise()
    if not target.add(address) or not target.notify(title=title, body=text):
        raise ValueError("Apprise refused it")

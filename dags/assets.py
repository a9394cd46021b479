"""The assets by which DAGs start each other: a corpus changed, a release was published."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import Asset

CORPUS = Asset(name="peewee_corpus", uri="x-peewee://corpus", group="peewee")
RELEASE = Asset(name="peewee_release", uri="x-peewee://release", group="peewee")


def released_version(events: Mapping[Asset, Sequence[Any]]) -> str | None:
    """Find the release that started a run: the newest, if there are several; None if a person started it."""
    versions = [event.extra.get("version") for event in events.get(RELEASE, ())]
    return versions[-1] if versions else None

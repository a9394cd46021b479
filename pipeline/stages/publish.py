"""The release, and the tables it was trained on, into the store that PEEWEE_STORE names; `receipts/publish.json`.

It runs each time, and is quick when there is nothing to do: only the store itself can tell what it holds. With
PEEWEE_SIGNING_KEY, the path of a private key, the release is signed.
"""

import os
from pathlib import Path

from peewee_model.store.store import open_store
from pipeline.params import Section, read
from pipeline.publish import publish_release, write_receipt


class PublishParams(Section):
    """Where a release is shown."""

    channel: str
    """The channel that is to mean the release, such as `stable`."""
    features: bool
    """Whether the tables come too (utterances without audio, mels): for audits, and for those who train on them."""


class Params(Section):
    """What the stage reads."""

    publish: PublishParams


def publish() -> None:
    """Publish `release`.

    Raises:
        GateError: If the release's gate failed, and PEEWEE_PUBLISH_ANYWAY holds no reason to go on.
    """
    params = read(Params).publish
    key = os.environ.get("PEEWEE_SIGNING_KEY")
    receipt = publish_release(
        Path("release"),
        open_store(os.environ.get("PEEWEE_STORE") or "store"),
        params.channel,
        tables=Path("data") if params.features else None,
        anyway=os.environ.get("PEEWEE_PUBLISH_ANYWAY"),
        signing_key=Path(key) if key else None,
    )
    write_receipt(Path("receipts/publish.json"), receipt)

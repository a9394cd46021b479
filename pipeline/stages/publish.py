"""The release into the store that PEEWEE_STORE names; `receipts/publish.json` says as what.

It runs each time, and is quick when there is nothing to do: only the store itself can tell what it holds.
"""

import os
from pathlib import Path

from peewee_model.store import open_store
from pipeline.params import Section, read
from pipeline.publish import publish_release, write_receipt


class PublishParams(Section):
    """Where a release is shown."""

    channel: str
    """The channel that is to mean the release, such as `stable`."""


class Params(Section):
    """What the stage reads."""

    publish: PublishParams


def publish() -> None:
    """Publish `release`.

    Raises:
        GateError: If the release's gate failed, and PEEWEE_PUBLISH_ANYWAY holds no reason to go on.
    """
    channel = read(Params).publish.channel
    store = open_store(os.environ.get("PEEWEE_STORE") or "store")
    receipt = publish_release(Path("release"), store, channel, os.environ.get("PEEWEE_PUBLISH_ANYWAY"))
    write_receipt(Path("receipts/publish.json"), receipt)

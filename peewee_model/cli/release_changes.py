"""`peewee-tts release promote`, `rollback` and `sign`: what changes a store."""

from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.cli import release_summary
from peewee_model.cli.release_names import find
from peewee_model.cli.release_options import (
    ChannelOption,
    JsonOption,
    ReasonOption,
    ReleaseArgument,
    StoreOption,
    opened,
)
from peewee_model.cli.release_output import print_entry, print_json, tell
from peewee_model.public_text import plain_line
from peewee_model.store.channels import check_channel

MOVED_GROUP = "peewee_tts.channel_moved"
"""Entry points of other packages: functions that receive a store's address after a channel has moved."""


def promote(
    version: ReleaseArgument,
    channel: ChannelOption,
    reason: ReasonOption,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Make a channel point to a release.

    A channel that is not there yet is made.
    """
    said = plain_line(reason, "--reason")
    with opened(store) as shelf:
        found = find(shelf, version)
        check_channel(channel)
        last = shelf.latest(channel)
        gate = release_summary.read_gate(shelf, found, shelf.read_manifest(found))
        if gate.passed is False:
            tell(f"release {found} did not pass its gate; it is {gate}")
        if last and last.entry.version == found:
            tell(f"channel {channel} points to {found} already; nothing was added to its history")
            numbered = last
        else:
            if not last:
                tell(f"channel {channel} is new")
            numbered = shelf.append(channel, found, "promote", said)
    announce(store)
    print_entry(channel, numbered, as_json)


def rollback(
    channel: ChannelOption,
    reason: ReasonOption,
    to: Annotated[str | None, typer.Option("--to", metavar="V", help="A release that the channel pointed to.")] = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Make a channel point to an earlier release.

    Without --to, the one before the current one. Rolled back twice, it goes back twice.
    """
    said = plain_line(reason, "--reason")
    with opened(store) as shelf:
        current = shelf.resolve(channel)
        numbered = shelf.roll_back(channel, said, None if to is None else find(shelf, to))
    if numbered.entry.previous != current:
        tell(f"somebody made channel {channel} point to {numbered.entry.previous} meanwhile; that is undone too")
    announce(store)
    print_entry(channel, numbered, as_json)


def announce(store: str) -> None:
    """Call what other packages registered for a channel that has moved, such as a registry of models."""
    for entry_point in entry_points(group=MOVED_GROUP):
        try:
            entry_point.load()(store)
        except ModuleNotFoundError as error:  # an extra that is not installed here
            tell(f"{entry_point.name} is not informed: it needs {error.name}")


def sign(
    version: ReleaseArgument,
    key: Annotated[
        Path,
        typer.Option("--key", envvar=environment.SIGNING_KEY.name, help="A private key, a PEM file."),
    ],
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Sign a release that is in the store. Its version stays; several keys may sign."""
    with opened(store) as shelf:
        found = find(shelf, version)
        signer = shelf.sign(found, key)
    if as_json:
        print_json({"version": found, "signed_by": signer})
    else:
        typer.echo(f"{store}: release {found} is signed by key {signer}")

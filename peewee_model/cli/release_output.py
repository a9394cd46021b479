"""Output of the commands of `peewee-tts release`: for programs on stdout, for people alone on stderr."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import typer

from peewee_model.cli import release_summary
from peewee_model.public_text import printable
from peewee_model.store.backend import Progress
from peewee_model.store.channels import Numbered


def print_entry(channel: str, numbered: Numbered, as_json: bool) -> None:
    """Print what a channel points to now."""
    if as_json:
        print_json(release_summary.entry_json(channel, numbered))
    else:
        entry = numbered.entry
        typer.echo(
            f"channel {channel} points to {entry.version}: number {numbered.number}, {entry.action} at {entry.at} "
            f"by {printable(entry.by)}: {printable(entry.reason)}"
        )


def print_json(data: Any) -> None:
    """Print plain data."""
    typer.echo(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))


def tell(message: str) -> None:
    """Print a line for people."""
    typer.echo(printable(message), err=True)


@contextlib.contextmanager
def bar(total: int) -> Iterator[Progress]:
    """Show on a terminal how many bytes of a total were compared."""
    from tqdm import tqdm

    with tqdm(total=total, desc="verifying", unit="B", unit_scale=True, disable=None) as bar:
        yield bar.update

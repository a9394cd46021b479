"""`peewee-tts detect`: says whether recordings are marked as synthetic speech."""

from pathlib import Path
from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.cli.release_output import print_json, tell

NOT_MARKED = 1
"""The exit code if a file is not marked, as of grep."""


def detect(
    files: Annotated[list[Path], typer.Argument(help="Recordings, of every kind that a reference may be.")],
    key: Annotated[
        str | None, typer.Option(envvar=environment.MARK_KEY.name, help=environment.MARK_KEY.meaning)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say whether recordings are marked as synthetic speech. The exit code is 1 if one is not."""
    from peewee_model.cloning.marks import find_marks

    found = {str(path): find_marks(path, str(path), key or environment.MARK_KEY.text()) for path in files}
    if as_json:
        print_json({name: one.record() for name, one in found.items()})
    else:
        for name, one in found.items():
            typer.echo(f"{name}: {one.sentence()}")
    if missing := sum(not one.synthetic for one in found.values()):
        tell(f"{missing} of {len(found)} not marked as synthetic")
        raise typer.Exit(NOT_MARKED)

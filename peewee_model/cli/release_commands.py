"""`peewee-tts release ...`: look at the releases of a store, get them, and say which one a channel points to.

What a program may read goes to stdout, everything for people alone to stderr.
"""

from pathlib import Path
from typing import Annotated

import typer

from peewee_model.cli import release_changes, release_summary
from peewee_model.cli.release_copy import copy_release, require_empty
from peewee_model.cli.release_names import find, require_channel
from peewee_model.cli.release_options import (
    ChannelOption,
    JsonOption,
    PublicKeyOption,
    ReleaseArgument,
    StoreOption,
    opened,
)
from peewee_model.cli.release_output import bar, print_json, tell
from peewee_model.release.manifest import MANIFEST
from peewee_model.store.reference import DEFAULT_CHANNEL

PAGE = 50
"""Releases that `list` shows, unless it is asked for more."""

app = typer.Typer(
    help="List, show, get and check releases; say which one a channel points to.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.command("list")
def list_releases(
    store: StoreOption = "store",
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the newest.")] = PAGE,
    as_json: JsonOption = False,
) -> None:
    """List the newest releases and those of channels.

    The newest is the last; a release that a channel points to now is listed whatever its age.

    Who signed is listed, and not checked; `verify --public-key` does that. A channel whose log is damaged is named, and
    left out.
    """
    with opened(store) as shelf:
        page = shelf.catalogue.page(limit)
        summaries = release_summary.summarize(shelf, page)
    if as_json:
        print_json([summary.to_json() for summary in summaries])
    elif summaries:
        typer.echo(release_summary.summary_table(summaries))
    if not summaries:
        tell(f"{store} holds no release; publish one with `dvc repro`, or name another store with --store")
    if page.n_older:
        total = len(page.releases) + page.n_older
        tell(f"{page.n_older} older ones of {total} releases are not shown; --limit {total} shows all")
    for problem in (*(summary.error for summary in summaries if summary.error), *page.problems):
        tell(problem)


@app.command("show")
def show(version: ReleaseArgument, store: StoreOption = "store", as_json: JsonOption = False) -> None:
    """Show what a release was made of.

    Also how good it is, and who signed it; --json prints its manifest, byte by byte.
    """
    with opened(store) as shelf:
        found = find(shelf, version)
        if as_json:
            page: str | bytes = shelf.read_manifest(found).to_bytes()
            problems: tuple[str, ...] = ()
        else:
            text, problems = release_summary.describe(shelf, found)
            page = f"{text}\n"
    typer.echo(page, nl=False)
    for problem in problems:
        tell(problem)


@app.command("pull")
def pull(
    version: ReleaseArgument,
    to: Annotated[Path | None, typer.Option("--to", help="Copy it into this folder, new or empty.")] = None,
    public_key: PublicKeyOption = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Get a release, verified, and print where it is.

    A version in full that was got before needs no network.
    """
    if to is not None:
        require_empty(to)
    with opened(store) as shelf:
        folder, found = shelf.fetch(find(shelf, version), public_key)
        if to is not None:
            copy_release(folder, found, to)
            folder = to
    if as_json:
        print_json({"version": found, "path": str(folder)})
    else:
        typer.echo(folder)
    tell(f"release {found} is whole and verified" + (f", and signed by {public_key}" if public_key else ""))


@app.command("verify")
def verify(
    version: ReleaseArgument,
    public_key: PublicKeyOption = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Check every byte of a release in the store.

    It is compared with its version; what was got before does not count.
    """
    with opened(store) as shelf:
        found = find(shelf, version)
        total = sum(entry.size for entry in shelf.read_manifest(found).files.values())
        with bar(total) as progress:
            manifest = shelf.verify(found, public_key, progress)
        signer = None
        if public_key is not None:
            from peewee_model.store.signing import key_id

            signer = key_id(public_key)
    if as_json:
        print_json({"version": found, "n_files": len(manifest.files), "size": total, "signed_by": signer})
        return
    typer.echo(f"{store}: release {found} is whole: {len(manifest.files)} files of {total} bytes, and {MANIFEST}")
    typer.echo(f"signed by {public_key} (key {signer})" if signer else "no signature was asked for; see --public-key")


@app.command("history")
def history(
    channel: ChannelOption = DEFAULT_CHANNEL, store: StoreOption = "store", as_json: JsonOption = False
) -> None:
    """Show what a channel pointed to, and why.

    One line an entry, the newest last.
    """
    with opened(store) as shelf:
        require_channel(shelf, channel)
        entries = shelf.history(channel)
    if as_json:
        print_json([release_summary.entry_json(channel, numbered) for numbered in entries])
    else:
        typer.echo(release_summary.history_table(entries))


for _change in (release_changes.promote, release_changes.rollback, release_changes.sign):
    app.command()(_change)

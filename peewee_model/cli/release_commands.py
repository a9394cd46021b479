"""`peewee-tts release ...`: look at the releases of a store, get them, and say which one a channel means.

What a program may read goes to stdout, everything for people alone to stderr.
"""

import contextlib
import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from peewee_model import environment
from peewee_model.cli import release_summary
from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.release.manifest import MANIFEST, VERSION_PATTERN, verify_release
from peewee_model.store.backend import Progress
from peewee_model.store.channels import Numbered, is_channel
from peewee_model.store.reference import DEFAULT_CHANNEL
from peewee_model.store.store import Store, open_store

MIN_PREFIX = 4
PAGE = 50
"""Releases that `list` shows, unless it is asked for more."""
_PREFIX = re.compile(rf"[0-9a-f]{{{MIN_PREFIX},}}")

app = typer.Typer(
    help="List, show, get and check releases; say which one a channel means.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StoreOption = Annotated[
    str, typer.Option("--store", envvar=environment.STORE.name, help="A folder or s3://bucket/prefix.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ReleaseArgument = Annotated[
    str, typer.Argument(metavar="V", help=f"A channel, a version, or its first {MIN_PREFIX} characters or more.")
]
ChannelOption = Annotated[str, typer.Option("--channel", help="Such as stable.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, for whoever reads the history.")]
PublicKeyOption = Annotated[
    Path | None,
    typer.Option("--public-key", envvar=environment.PUBLIC_KEY.name, help=environment.PUBLIC_KEY.meaning),
]


@app.command("list")
def list_releases(
    store: StoreOption = "store",
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many of the newest.")] = PAGE,
    as_json: JsonOption = False,
) -> None:
    """List the newest releases, the newest last, and those that a channel means now.

    Who signed is listed, and not checked; `verify --public-key` does that.
    """
    with _opened(store) as opened:
        page = opened.catalogue.page(limit)
        summaries = release_summary.summarize(opened, page)
    if as_json:
        _print_json([summary.to_json() for summary in summaries])
    elif summaries:
        typer.echo(release_summary.summary_table(summaries))
    if not summaries:
        _tell(f"{store} holds no release; publish one with `dvc repro`, or name another store with --store")
    if page.n_older:
        total = len(page.releases) + page.n_older
        _tell(f"{page.n_older} older ones of {total} releases are not shown; --limit {total} shows all")
    for problem in (*(summary.error for summary in summaries if summary.error), *page.problems):
        _tell(problem)


@app.command("show")
def show(version: ReleaseArgument, store: StoreOption = "store", as_json: JsonOption = False) -> None:
    """Show what a release was made of.

    Also how good it is, and who signed it; --json prints its manifest, byte by byte.
    """
    with _opened(store) as opened:
        found = find(opened, version)
        if as_json:
            typer.echo(opened.read_manifest(found).to_bytes(), nl=False)
        else:
            typer.echo(release_summary.describe(opened, found))


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
        _require_empty(to)
    with _opened(store) as opened:
        folder, found = opened.fetch(find(opened, version), public_key)
        if to is not None:
            _copy(folder, found, to)
            folder = to
    if as_json:
        _print_json({"version": found, "path": str(folder)})
    else:
        typer.echo(folder)
    _tell(f"release {found} is whole and verified" + (f", and signed by {public_key}" if public_key else ""))


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
    with _opened(store) as opened:
        found = find(opened, version)
        total = sum(entry.size for entry in opened.read_manifest(found).files.values())
        with _bar(total) as progress:
            manifest = opened.verify(found, public_key, progress)
        signer = None
        if public_key is not None:
            from peewee_model.store.signing import key_id

            signer = key_id(public_key)
    if as_json:
        _print_json({"version": found, "n_files": len(manifest.files), "size": total, "signed_by": signer})
        return
    typer.echo(f"{store}: release {found} is whole: {len(manifest.files)} files of {total} bytes, and {MANIFEST}")
    typer.echo(f"signed by {public_key} (key {signer})" if signer else "no signature was asked for; see --public-key")


@app.command("promote")
def promote(
    version: ReleaseArgument,
    channel: ChannelOption,
    reason: ReasonOption,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Make a channel mean a release.

    A channel that is not there yet is made.
    """
    said = _said(reason)
    with _opened(store) as opened:
        found = find(opened, version)
        if not is_channel(channel):
            raise ReleaseError(f"{channel!r} can't be a channel; use lower-case letters, digits, `-` and `_`: `stable`")
        last = opened.latest(channel)
        gate = release_summary.read_gate(opened, found, opened.read_manifest(found))
        if gate.passed is False:
            _tell(f"release {found} did not pass its gate; it is {gate}")
        if last and last.entry.version == found:
            _tell(f"channel {channel} means {found} already; nothing was added to its history")
            numbered = last
        else:
            if not last:
                _tell(f"channel {channel} is new")
            numbered = opened.append(channel, found, "promote", said)
    _print_entry(channel, numbered, as_json)


@app.command("rollback")
def rollback(
    channel: ChannelOption,
    reason: ReasonOption,
    to: Annotated[str | None, typer.Option("--to", metavar="V", help="A release that the channel meant.")] = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Make a channel mean an earlier release.

    Without --to, the one that it meant before the current one. Rolled back twice, it goes back twice.
    """
    said = _said(reason)
    with _opened(store) as opened:
        current = opened.resolve(channel)
        numbered = opened.roll_back(channel, said, None if to is None else find(opened, to))
    if numbered.entry.previous != current:
        _tell(f"somebody made channel {channel} mean {numbered.entry.previous} meanwhile; that is undone too")
    _print_entry(channel, numbered, as_json)


@app.command("history")
def history(
    channel: ChannelOption = DEFAULT_CHANNEL, store: StoreOption = "store", as_json: JsonOption = False
) -> None:
    """Show what a channel has meant, and why.

    One line an entry, the newest last.
    """
    with _opened(store) as opened:
        _require_channel(opened, channel)
        entries = opened.history(channel)
    if as_json:
        _print_json([release_summary.entry_json(channel, numbered) for numbered in entries])
    else:
        typer.echo(release_summary.history_table(entries))


@app.command("sign")
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
    with _opened(store) as opened:
        found = find(opened, version)
        signer = opened.sign(found, key)
    if as_json:
        _print_json({"version": found, "signed_by": signer})
    else:
        typer.echo(f"{store}: release {found} is signed by key {signer}")


def find(store: Store, name: str) -> str:
    """Work out which version a person means: a channel's, a whole version, or one by its first characters.

    A whole version is taken as it stands, and no server is asked for it.

    Raises:
        ReleaseNotFoundError: If there is none, or several begin so.
    """
    if VERSION_PATTERN.fullmatch(name):
        return name
    if last := store.latest(name):
        return last.entry.version
    if _PREFIX.fullmatch(name):
        found = store.versions(name)
        if len(found) > 1:
            raise ReleaseNotFoundError(f"{store.address}: {name} begins {', '.join(found)}; write more of the one")
        if found:
            return found[0]
    raise ReleaseNotFoundError(
        f"{store.address} has no channel and no release {name!r}; its channels: "
        f"{', '.join(store.channels()) or 'none'}; its releases: {store.some_versions()}"
    )


@contextlib.contextmanager
def _opened(address: str) -> Iterator[Store]:
    store = open_store(address)
    try:
        yield store
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ReleaseError(
            f"{address}{where}: {error.strerror or error}; check the address and who may read and write there"
        ) from None


def _require_channel(store: Store, channel: str) -> None:
    if VERSION_PATTERN.fullmatch(channel):
        raise ReleaseNotFoundError(
            f"{channel} is a version, not a channel; its channels: {', '.join(store.channels())}"
        )
    store.resolve(channel)


def _require_empty(folder: Path) -> None:
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or (folder.is_dir() and any(folder.iterdir())):
        raise ReleaseError(f"{folder} is there and not an empty folder; name another with --to, or remove it")


def _copy(source: Path, version: str, target: Path) -> None:
    """Copy a release's files; the folder appears under its name when all of it is there and verified."""
    incoming = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            copy = incoming / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        verify_release(incoming, version)
        incoming.rename(target)  # replaces an empty folder
    except OSError as error:
        raise ReleaseError(
            f"{target} can't be written: {error.strerror}; make room, or name another with --to"
        ) from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)


def _said(reason: str) -> str:
    said = " ".join(reason.split())
    if not said:
        raise ReleaseError("--reason is blank; say why, for whoever reads the history")
    return said


@contextlib.contextmanager
def _bar(total: int) -> Iterator[Progress]:
    from tqdm import tqdm

    with tqdm(total=total, desc="verifying", unit="B", unit_scale=True, disable=None) as bar:
        yield bar.update


def _print_entry(channel: str, numbered: Numbered, as_json: bool) -> None:
    if as_json:
        _print_json(release_summary.entry_json(channel, numbered))
    else:
        entry = numbered.entry
        typer.echo(
            f"channel {channel} means {entry.version}: number {numbered.number}, {entry.action} at {entry.at} "
            f"by {release_summary.plain(entry.by)}: {release_summary.plain(entry.reason)}"
        )


def _print_json(data: Any) -> None:
    typer.echo(json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False))


def _tell(message: str) -> None:
    typer.echo(release_summary.plain(message), err=True)

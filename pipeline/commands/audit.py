"""`peewee-tts audit`: what a release was made of, and whether it still is that.

Exit codes: 0 as it was made, or answered; 2 can't be answered; 3 differs; 4 nothing differs, but not all was seen.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from peewee_model import environment
from peewee_model.errors import PeeweeError
from peewee_model.store.store import open_store
from pipeline.audit.errors import AuditError, NotAllSeenError

if TYPE_CHECKING:
    from pipeline.corpora.exclusions import Kind

app = typer.Typer(
    help="Ask what a release was made of, and whether it still is that.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StoreOption = Annotated[
    str,
    typer.Option("--store", envvar=environment.STORE.name, help=environment.STORE.meaning, show_default=True),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
SpeakerOption = Annotated[str | None, typer.Option(help="As in the tables: libritts_84.")]
UtteranceOption = Annotated[str | None, typer.Option(help="As in the tables: libritts_84_121123_000007_000001.")]


@app.command()
def verify(
    version: Annotated[str, typer.Argument(metavar="V", help="A channel, a version, or its first characters.")],
    store: StoreOption = "store",
    offline: Annotated[bool, typer.Option("--offline", help="Look only at what is on this machine.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Go on after the first thing that differs.")] = False,
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", envvar=environment.PUBLIC_KEY.name, help=environment.PUBLIC_KEY.meaning),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Hash every edge of a release again, from the archives to the published files; name the first that differs."""
    from tqdm import tqdm

    from peewee_model.cli.release_names import find
    from pipeline.audit.verify import Request, audit
    from pipeline.audit.wording import describe_report

    found = find(open_store(store), version)
    remote = environment.REMOTE.read() or ""
    request = Request(found, store, Path(), offline, public_key, everything, remote)
    with tqdm(desc="hashing", unit="B", unit_scale=True, disable=None, leave=False) as bar:
        report = audit(request, bar.update)
    _print(report.to_json() if as_json else describe_report(report))
    report.raise_for_verdict()


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A version or channel.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Show what differs between two releases: data, parameters, code, metrics."""
    from pipeline.audit.diff import compare
    from pipeline.audit.wording import describe_difference

    difference = compare(open_store(store), before, after)
    _print(asdict(difference) if as_json else describe_difference(difference))
    if difference.unknown:
        raise NotAllSeenError(f"the data of the two could not be compared: {difference.unknown}")


@app.command()
def trace(
    speaker: SpeakerOption = None,
    utterance: UtteranceOption = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Find every release whose data holds a speaker or an utterance, and those that came from one that does."""
    from pipeline.audit import trace as tracing
    from pipeline.audit.wording import describe_trace

    kind, identifier = _one_of(speaker, utterance)
    answer = tracing.trace(open_store(store), kind, identifier)
    if as_json:
        releases = [
            {**asdict(found), "channels_now": found.channels_now, "inherits": found.inherits}
            for found in answer.appearances
        ]
        _print({"kind": kind, "id": identifier, "releases": releases, "damaged_channels": answer.damaged})
    else:
        _print(describe_trace(kind, identifier, answer))
    unknown = [found.gap for found in answer.appearances if found.gap]
    if unknown:
        raise NotAllSeenError(f"{len(unknown)} of {len(answer.appearances)} releases can't be searched: {unknown[0]}")
    if answer.damaged:
        raise NotAllSeenError(f"which channels point to them is not known in full: {answer.damaged[0]}")


@app.command()
def exclude(
    reason: Annotated[str, typer.Option(help="Why; it stays in git and is not published.")],
    speaker: SpeakerOption = None,
    utterance: UtteranceOption = None,
    store: StoreOption = "store",
    as_json: JsonOption = False,
) -> None:
    """Keep a speaker or an utterance out of every release from now on."""
    from pipeline.audit.excluding import add_exclusion
    from pipeline.audit.trace import trace
    from pipeline.corpora.exclusions import EXCLUSIONS, Exclusion

    kind, identifier = _one_of(speaker, utterance)
    if not EXCLUSIONS.is_file():
        raise AuditError(f"{EXCLUSIONS} is not in {Path.cwd()}; run this in the root of the project's repository")
    add_exclusion(Exclusion(kind, identifier, reason))
    holding: list[dict[str, Any]] = []
    unknown: list[str] = []
    try:
        answer = trace(open_store(store), kind, identifier)
        unknown += answer.damaged
        for found in answer.appearances:
            if found.shares or found.inherits:
                holding.append({"version": found.version, "channels_now": found.channels_now})
            elif found.gap:
                unknown.append(found.gap)
    except PeeweeError as error:
        unknown.append(str(error))
    done = {"kind": kind, "id": identifier, "list": str(EXCLUSIONS), "held_by": holding, "unknown": unknown}
    _print(done if as_json else _next_steps(done))


def _next_steps(done: dict[str, Any]) -> Iterable[str]:
    kind, identifier, path = done["kind"], done["id"], done["list"]
    yield f"{kind} {identifier} is in {path}. Next:"
    yield f'  git commit -m "exclude {kind} {identifier}" -- {path}'
    yield "  dvc repro                          # ingest leaves it out, bundle proves it, publish"
    yield "  peewee-tts audit verify stable     # reads the tables of the new release for it"
    for release in done["held_by"]:
        channels = ", ".join(release["channels_now"])
        yield f"release {release['version']} still holds it{f'; {channels} points to it now' if channels else ''}"
    if done["unknown"]:
        yield f"not every release could be searched: {done['unknown'][0]}"
    elif not done["held_by"]:
        yield "no release of the store holds it; if one should, check the spelling with `peewee-tts audit trace`"


def _one_of(speaker: str | None, utterance: str | None) -> "tuple[Kind, str]":
    if speaker and not utterance:
        return "speaker", speaker
    if utterance and not speaker:
        return "utterance", utterance
    raise AuditError("name one: --speaker ID or --utterance ID")


def _print(answer: dict[str, Any] | Iterable[str]) -> None:
    if isinstance(answer, dict):
        typer.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        for line in answer:
            typer.echo(line)

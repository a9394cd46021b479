"""`peewee-tts profile NAME`: merge an overlay into params.yaml, and show the difference."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from peewee_model.errors import PeeweeError
from pipeline.profiles.archives import local_sources, takes_archives, with_archives
from pipeline.profiles.from_release import params_of, pin, start_from
from pipeline.profiles.overlay import SHIPPED, apply, load_overlay, merge, names


def command(
    name: Annotated[
        str | None, typer.Argument(help="One of pipeline/profiles: mini, local, single-voice, libritts-960, ...")
    ] = None,
    archive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="For profiles of your own speech: an archive (tar or zip) or a folder; may be given again.",
        ),
    ] = None,
    layout: Annotated[
        str | None,
        typer.Option(
            help="With --archive: how they are laid out, such as folder; docs/corpora.md lists all. Without it, the "
            "layout of the corpus NAME, or LibriTTS's."
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(
            help="With --archive: terms of the recordings, for the release's manifest. Without it, those of the "
            "corpus NAME, or `as stated by the archives' owner`."
        ),
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            help="STORE@CHANNEL or STORE@VERSION: the release that further, single-voice and vocoder start from."
        ),
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="STORE@CHANNEL or STORE@VERSION, in place of NAME: to train that release again.")
    ] = None,
) -> None:
    """Merge a profile into params.yaml and print the difference."""
    if (name is None) == (release is None):
        raise PeeweeError("name a profile or a --release, one of the two")
    if name is None:
        if archive or base or layout:
            raise PeeweeError("--release names its own archives and base; leave --archive, --layout and --base out")
        overlay, name = load_overlay(SHIPPED), f"that of {release}"  # SHIPPED has keys that the release does not have
        merge(overlay, params_of(pin(str(release)).manifest))
    else:
        overlay = _named_overlay(name, archive or [], licence, base, layout)
    difference = apply(overlay, accept=_check)
    typer.echo(difference or f"params.yaml is profile {name} already.")


def _check(document: Mapping[str, Any]) -> None:
    from pipeline.commands.check_params import check  # here, because it imports torch, and most mistakes need none

    check(document)


def _named_overlay(
    name: str, archive: list[str], licence: str | None, base: str | None, layout: str | None
) -> dict[str, Any]:
    """Load a profile, with the archives and the release to start from if it needs them."""
    overlay = load_overlay(name)
    if takes_archives(overlay) != bool(archive):
        own = [known for known in names() if takes_archives(load_overlay(known))]
        raise PeeweeError(
            f"profiles {', '.join(own)} take --archive PATH, once for each archive; no other profile takes it"
        )
    starts_from_a_release = bool(overlay.get("base", {}).get("parts"))
    if starts_from_a_release != (base is not None):
        need = "starts from a release: add --base STORE@CHANNEL" if starts_from_a_release else "takes no --base"
        raise PeeweeError(f"profile {name} {need}")
    if base is not None:
        start_from(overlay, pin(base))
    if archive:
        with_archives(overlay, local_sources(archive, licence, layout))
    return overlay

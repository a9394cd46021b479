"""`peewee-tts demo`: the service with its page, for this machine alone, opened in the browser."""

import os
import signal
import tempfile
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.errors import ConfigError
from peewee_model.service.command import named, run
from peewee_model.service.settings import Settings

_CHECKOUT = Path(__file__).resolve().parents[2]
"""Of the repository, if the package was not installed from a wheel: it has a release and samples."""


def demo(
    release: Annotated[str, typer.Option(help="STORE@CHANNEL or STORE@VERSION; the repository's example.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    voice: Annotated[
        list[str] | None, typer.Option(help="NAME=RECORDING: a sample voice; without any, those of docs/samples.")
    ] = None,
    voices: Annotated[
        Path | None, typer.Option(help="Where voices are kept; without it, they are removed at the end.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page.")] = True,
) -> None:
    """Open a page on which a voice is recorded and speaks, for this machine alone."""
    own_voices = tuple(named(one) for one in voice) if voice else _samples()
    release = release or _example()

    def started(address: str) -> None:
        typer.echo(f"{address} has the page; Ctrl-C ends it")
        if browser:  # in a thread of its own: a browser of a terminal stays until it is left
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    signal.signal(signal.SIGTERM, _end)
    with tempfile.TemporaryDirectory(prefix="peewee-voices-") as folder:
        run(
            Settings(
                release=release,
                voices=voices or Path(folder),
                port=port,
                own_voices=own_voices,
                mark_key=environment.MARK_KEY.text(),
                threads=os.cpu_count() or 1,
            ),
            started,
        )


def _end(*_: object) -> None:
    """End as after an exception, so that the folder of voices is removed."""
    raise SystemExit(128 + signal.SIGTERM)


def _example() -> str:
    """The repository's own release.

    Raises:
        ConfigError: If there is none.
    """
    store = _CHECKOUT / "examples/store"
    if not store.is_dir():
        raise ConfigError(
            "this installation has no example of a release; give --release STORE@CHANNEL, or run it in a clone of the "
            "repository, which has examples/store"
        )
    return f"{store}@stable"


def _samples() -> tuple[tuple[str, Path], ...]:
    """The repository's samples, by their names; an installation has none."""
    return tuple((path.stem, path) for path in sorted((_CHECKOUT / "docs/samples").glob("*.flac")))

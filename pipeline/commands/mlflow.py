"""`peewee-tts mlflow`: releases in its registry, and runs that wait for it."""

import os
from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.errors import ConfigError
from pipeline.logs import log_to_stderr
from pipeline.tracking.registry import MODEL, sync, sync_if_tracked
from pipeline.tracking.sender import Sender
from pipeline.tracking.settings import DEFAULTS, TRACKING_URI
from pipeline.tracking.spool import ROOT, waiting

app = typer.Typer(
    help="Releases in MLflow's registry, and runs that wait for MLflow.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Do nothing: only the commands do work."""


@app.command("sync")
def sync_command(
    store: Annotated[
        str, typer.Argument(envvar=environment.STORE.name, help="A folder or s3://bucket/prefix.")
    ] = environment.STORE.text(),
) -> None:
    """Register the release of each channel of a store, and set an alias for each channel."""
    _require_server()
    for channel, number in sync(store).items():
        typer.echo(f"models:/{MODEL}@{channel} is version {number}")


@app.command("send")
def send_command() -> None:
    """Send what the stages could not send; each stage does the same as it begins."""
    _require_server()
    log_to_stderr()
    os.environ |= DEFAULTS
    Sender(None).send_all()
    typer.echo(f"{len(waiting(ROOT))} runs wait in {ROOT}")


def _require_server() -> None:
    if not TRACKING_URI.is_set():
        raise ConfigError(f"{TRACKING_URI.name} is not set; set it to the tracking server, as `make mlflow` prints it")


def channel_moved(address: str) -> None:
    """Called by `peewee-tts release promote` and `rollback`, after a channel points to another release."""
    sync_if_tracked(address)

"""`peewee-tts mlflow`: the registry of MLflow."""

from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.errors import ConfigError
from pipeline.tracking.registry import MODEL, sync, sync_if_tracked
from pipeline.tracking.settings import TRACKING_URI

app = typer.Typer(
    help="Releases in MLflow's registry.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _root() -> None:
    """Releases in MLflow's registry."""


@app.command("sync")
def sync_command(
    store: Annotated[
        str, typer.Argument(envvar=environment.STORE.name, help="A folder or s3://bucket/prefix.")
    ] = environment.STORE.text(),
) -> None:
    """Register the release of each channel of a store, and set an alias for each channel."""
    if not TRACKING_URI.is_set():
        raise ConfigError(f"{TRACKING_URI.name} is not set; set it to the tracking server, as `make mlflow` prints it")
    for channel, number in sync(store).items():
        typer.echo(f"models:/{MODEL}@{channel} is version {number}")


def channel_moved(address: str) -> None:
    """Called by `peewee-tts release promote` and `rollback`, after a channel points to another release."""
    sync_if_tracked(address)

"""The options of the commands of `peewee-tts release`, and how each command opens its store."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from peewee_model import environment
from peewee_model.cli.release_names import MIN_PREFIX
from peewee_model.errors import ReleaseError
from peewee_model.store.store import Store, open_store

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


@contextlib.contextmanager
def opened(address: str) -> Iterator[Store]:
    """Open a store. An OSError inside the block becomes one line that names the store and the file."""
    store = open_store(address)
    try:
        yield store
    except BrokenPipeError:  # nobody reads stdout any more; this is no error of the store
        raise
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise ReleaseError(
            f"{address}{where}: {error.strerror or error}; check the address and who may read and write there"
        ) from None

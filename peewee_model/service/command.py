"""`peewee-tts serve` and `peewee-tts api-key`."""

import logging
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import fastapi  # noqa: F401 - whoever lacks the extra reads so at once; the application is imported when it runs
import typer
import uvicorn

from peewee_model import environment
from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.service.keys import new_key
from peewee_model.service.settings import Limits, Settings

KeysOption = Annotated[
    Path | None, typer.Option("--keys", envvar=environment.API_KEYS.name, help=environment.API_KEYS.meaning)
]


def serve(
    release: Annotated[str, typer.Option(help="STORE@CHANNEL or STORE@VERSION.")] = "store@stable",
    host: Annotated[str, typer.Option(help="Where to listen; another than loopback needs --keys.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = 8000,
    voices: Annotated[
        Path | None, typer.Option(envvar=environment.VOICES.name, help=environment.VOICES.meaning)
    ] = None,
    keys: KeysOption = None,
    voice: Annotated[
        list[str] | None, typer.Option(help="NAME=RECORDING: a voice for everybody; you have the consent.")
    ] = None,
    lexicon: Annotated[Path | None, typer.Option(help="Words that are taught, as for `clone`.")] = None,
    mark: Annotated[bool, typer.Option(help="Whether all speech is marked as synthetic.")] = True,
    alias: Annotated[list[str] | None, typer.Option(help="Another name of the model, such as tts-1.")] = None,
    requests: Annotated[int, typer.Option(min=1, help="Speeches at once; one more is answered 429.")] = Limits.requests,
    rate: Annotated[int, typer.Option(min=0, help="Requests of a key in a minute; 0 for any number.")] = 0,
    reload_s: Annotated[float, typer.Option(min=0, help="Seconds between looks at the channel; 0 for none.")] = 30.0,
    device: Annotated[str, typer.Option(help="Where to compute, as torch names it.")] = "cpu",
) -> None:
    """Speak by HTTP, as OpenAI's audio API does. docs/service.md has each route."""
    settings = Settings(
        release=release,
        voices=voices or Path(environment.VOICES.text()).expanduser(),
        host=host,
        port=port,
        keys=keys,
        lexicon=lexicon,
        own_voices=tuple(named(one) for one in voice or ()),
        aliases=tuple(alias or ()),
        mark_key=environment.MARK_KEY.text() if mark else None,
        device=device,
        threads=(os.cpu_count() or 1) if device == "cpu" else 1,
        reload_s=reload_s,
        limits=Limits(requests=requests, per_minute=rate),
    )
    if not settings.is_local and keys is None:
        raise ConfigError(
            f"--host {host} lets other machines in, and there are no API keys; make one with `peewee-tts api-key NAME "
            "--keys FILE` and give --keys FILE, or listen on 127.0.0.1"
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    run(settings)


def run(settings: Settings, started: Callable[[str], None] = lambda _: None) -> None:
    """Serve until a signal ends it; requests that were begun are ended first.

    Args:
        settings: Of the server.
        started: Receives the server's address as soon as it answers.

    Raises:
        PeeweeError: If it can't start.
    """
    import torch

    from peewee_model.service.app import build

    torch.set_num_threads(1)  # of one computation; there are as many computations as `settings.threads`

    config = uvicorn.Config(
        build(settings),
        host=settings.host,
        port=settings.port,
        access_log=False,  # the gate has its own, without addresses and paths
        log_config=None,
        timeout_keep_alive=settings.keep_alive_s,
        timeout_graceful_shutdown=round(settings.grace_s),
        server_header=False,
    )
    server = _Server(config, started)
    try:
        server.run()
    except SystemExit:  # uvicorn has logged why
        if server.started:
            raise
        raise PeeweeError(
            f"{settings.host}:{settings.port} can't be listened on; see the log above, and choose another --port"
        ) from None


class _Server(uvicorn.Server):
    """A web server that says where it listens: with port 0, nobody else knows."""

    def __init__(self, config: uvicorn.Config, started: Callable[[str], None]) -> None:
        super().__init__(config)
        self._says = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        self._says(f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/")


def api_key(
    name: Annotated[str, typer.Argument(help="Whose key it is: letters, digits, dots, dashes.")],
    keys: KeysOption = None,
) -> None:
    """Make an API key, print it once, and add its hash to a file."""
    if keys is None:
        raise ConfigError(f"no file of API keys is named; give --keys FILE, or set {environment.API_KEYS.name}")
    typer.echo(new_key(keys, name))


def named(voice: str) -> tuple[str, Path]:
    """Read `NAME=RECORDING`.

    Raises:
        ConfigError: If it is no such pair.
    """
    name, equals, path = voice.partition("=")
    if not (name and equals and path):
        raise ConfigError(f"--voice {voice!r}: write NAME=RECORDING, such as anna=anna.wav")
    return name, Path(path).expanduser()

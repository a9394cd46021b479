"""The application: its routes, its errors and its gate."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.types import ASGIApp

from peewee_model.service import errors, routes_consents, routes_detect, routes_page, routes_speech, routes_voices
from peewee_model.service.formats import check_marks
from peewee_model.service.gate import Gate
from peewee_model.service.keys import Keys
from peewee_model.service.metrics import Metrics
from peewee_model.service.service import Service
from peewee_model.service.settings import Settings


def build(settings: Settings) -> ASGIApp:
    """Put a server together; it listens nowhere yet.

    Raises:
        PeeweeError: If the keys, the release, a voice, the lexicon or the folder of voices can't be used.
    """
    keys, metrics = Keys(settings.keys), Metrics()
    if settings.mark_key is not None:
        check_marks(settings.mark_key)
    service = Service(settings, metrics)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with service.running():
            yield

    app = FastAPI(
        title="Pee Wee TTS",
        description="Speech in cloned voices, by OpenAI's audio API. All of it is synthetic.",
        version=service.releases.engine.version,
        docs_url=None,  # FastAPI's pages load scripts from another site
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    errors.install(app)
    app.include_router(routes_page.router())
    app.include_router(routes_speech.router(service))
    app.include_router(routes_consents.router(service))
    app.include_router(routes_voices.router(service))
    app.include_router(routes_detect.router(service))
    return Gate(app, settings, keys, metrics)

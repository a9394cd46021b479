"""The routes of speech and models, and of the server's own state."""

import time
from contextlib import AsyncExitStack
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from peewee_model.service import answers
from peewee_model.service.errors import ServiceError
from peewee_model.service.formats import CONTENT_TYPES, encoder
from peewee_model.service.service import Service
from peewee_model.service.speech import Piece, SpeechRequest, spoken

_FILES = {kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in CONTENT_TYPES.values()}
_SPEECH: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file, or events of it.", "content": {**_FILES, "text/event-stream": {}}},
}


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.post("/v1/audio/speech", response_class=Response, responses=_SPEECH)
    async def speak(request: Request, asked: SpeechRequest) -> Response:
        """Say a text in a voice. Streams sentence by sentence, unless `stream` is false."""
        return await _speech(service, request, asked)

    @routes.get("/v1/models")
    async def models() -> dict[str, Any]:
        """List the names of the model: any release, this release, and what the operator added."""
        return {"object": "list", "data": [_model(service, name) for name in service.models]}

    @routes.get("/v1/models/{name}")
    async def model(name: str) -> dict[str, Any]:
        """Describe a model."""
        if name not in service.models:
            raise ServiceError(404, f"there is no model {name[:80]!r}; see GET /v1/models", code="model_not_found")
        return _model(service, name)

    @routes.get("/healthz")
    async def alive() -> dict[str, str]:
        """Answer, if the server can."""
        return {"status": "ok"}

    @routes.get("/readyz")
    async def ready() -> JSONResponse:
        """Say whether a speech would be spoken now."""
        if not service.batcher.is_alive:
            raise ServiceError(503, "nothing speaks in this server; start it anew")
        return JSONResponse({"status": "ready", "release": service.releases.engine.version})

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Return the server's figures, as Prometheus reads them."""
        return Response(service.metrics.page(), media_type=CONTENT_TYPE_LATEST)

    return routes


def _model(service: Service, name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": service.started, "owned_by": "peewee-tts"}


async def _speech(service: Service, request: Request, asked: SpeechRequest) -> Response:
    """Plan, wait for the first sentence, and answer with it and all that follow."""
    state, figures = request.state, {"characters": len(asked.input), "audio_s": 0.0}
    state.figures = figures
    async with AsyncExitStack() as held:
        ticket = held.enter_context(service.speech())
        plan = await answers.until_gone(request, service.plan(asked, state.owner))
        pieces = spoken(plan, service.batcher, ticket)
        held.push_async_callback(pieces.aclose)

        def noted(piece: Piece) -> None:
            seconds = len(piece.samples) / plan.engine.sample_rate
            service.metrics.audio.inc(seconds)
            figures["audio_s"] = round(figures["audio_s"] + seconds, 3)

        if not asked.stream:
            ticket.deadline = ticket.end
            return await answers.until_gone(
                request, answers.whole(plan, asked, pieces, noted, service.settings.mark_key)
            )
        first = await answers.until_gone(request, anext(pieces))
        service.metrics.first_audio.observe(time.monotonic() - state.started)
        truncated = first.truncated if len(plan.lines.lines) == 1 else None
        file = encoder(asked.response_format, plan.engine.sample_rate, mark_key=service.settings.mark_key)
        held.callback(file.close)
        media_type = CONTENT_TYPES[asked.response_format]
        content = answers.audio(file, first, pieces, noted)
        if asked.stream_format == "sse":
            content, media_type = answers.events(plan, asked, file, first, pieces, noted), "text/event-stream"
        headers = answers.headers_of(plan, asked, truncated, service.settings.mark_key)
        return answers.Stream(content, held.pop_all(), service.settings.limits.speech_s, headers, media_type)

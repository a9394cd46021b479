"""Turns pieces of speech into answers: a file, a file that streams, or events."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from peewee_model.errors import PeeweeError
from peewee_model.service.errors import ServiceError, refusal
from peewee_model.service.formats import CONTENT_TYPES, Encoder, encoder, with_credentials
from peewee_model.service.speech import Piece, Plan, SpeechRequest, joined

Result = TypeVar("Result")
Noted = Callable[[Piece], object]


class Stream(StreamingResponse):
    """A streamed answer, which ends its speech however it ends: complete, too late, or because the client left.

    Args:
        content: What is sent.
        held: What the speech holds until then.
        seconds: In which it must be read.
        headers: Of the answer.
        media_type: Of the answer.
    """

    def __init__(
        self,
        content: AsyncIterator[bytes],
        held: AsyncExitStack,
        seconds: float,
        headers: dict[str, str],
        media_type: str,
    ) -> None:
        super().__init__(content, headers=headers, media_type=media_type)
        self._held, self._seconds = held, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._held:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)


async def until_gone(request: Request, work: Awaitable[Result]) -> Result:
    """Wait for work, and stop it when the client leaves.

    Raises:
        ServiceError: 499, which nobody reads.
    """
    doing, leaving = asyncio.ensure_future(work), asyncio.create_task(_gone(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise ServiceError(499, "the client left", code="client_left")
        return doing.result()
    finally:
        for task in (doing, leaving):
            task.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def headers_of(plan: Plan, asked: SpeechRequest, truncated: bool | None, mark_key: str | None) -> dict[str, str]:
    """Write the headers of a speech; `truncated` is None while nobody knows it."""
    return {
        "x-peewee-seed": str(asked.seed),
        "x-peewee-release": plan.engine.version,
        "x-peewee-marked": str(mark_key is not None).lower(),
        "x-peewee-truncated": "unknown" if truncated is None else str(truncated).lower(),
        "cache-control": "no-store",
        "x-accel-buffering": "no",
    }


async def whole(
    plan: Plan, asked: SpeechRequest, pieces: AsyncIterator[Piece], noted: Noted, mark_key: str | None
) -> Response:
    """Make a whole answer."""
    speech = joined([piece async for piece in pieces])
    noted(speech)
    headers = headers_of(plan, asked, speech.truncated, mark_key)
    file = encoder(asked.response_format, plan.engine.sample_rate, len(speech.samples), mark_key)

    def made() -> bytes:
        content = file.add(speech.samples) + file.end()
        return content if mark_key is None else with_credentials(content, asked.response_format)

    content = await asyncio.to_thread(made)
    if asked.stream_format == "sse":
        sent = [_delta(content), *_words(speech, asked), _done(plan, speech.n_steps, speech.truncated)]
        return Response(b"".join(sent), headers=headers, media_type="text/event-stream")
    return Response(content, headers=headers, media_type=CONTENT_TYPES[asked.response_format])


async def audio(file: Encoder, first: Piece, rest: AsyncIterator[Piece], noted: Noted) -> AsyncIterator[bytes]:
    """Stream a file."""
    async for piece in _from(first, rest):
        content = await asyncio.to_thread(file.add, piece.samples)
        noted(piece)
        if content:
            yield content
    yield await asyncio.to_thread(file.end)


async def events(
    plan: Plan, asked: SpeechRequest, file: Encoder, first: Piece, rest: AsyncIterator[Piece], noted: Noted
) -> AsyncIterator[bytes]:
    """Stream events; one of the type `error` is the last, if the speech can't be ended."""
    n_steps, truncated = 0, False
    try:
        async for piece in _from(first, rest):
            content = await asyncio.to_thread(file.add, piece.samples)
            noted(piece)
            n_steps, truncated = n_steps + piece.n_steps, truncated or piece.truncated
            for event in (*_words(piece, asked), *([_delta(content)] if content else ())):
                yield event
        if content := await asyncio.to_thread(file.end):
            yield _delta(content)
        yield _done(plan, n_steps, truncated)
    except (PeeweeError, ServiceError) as error:
        refused = error if isinstance(error, ServiceError) else refusal(error)
        yield _event({"type": "error", **refused.body})


async def _from(first: Piece, rest: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    yield first
    async for piece in rest:
        yield piece


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content)}\n\n".encode()


def _delta(content: bytes) -> bytes:
    return _event({"type": "speech.audio.delta", "audio": base64.b64encode(content).decode()})


def _words(piece: Piece, asked: SpeechRequest) -> list[bytes]:
    if not (asked.timestamps and piece.words):
        return []
    return [_event({"type": "speech.audio.timestamps", "words": list(piece.words)})]


def _done(plan: Plan, n_steps: int, truncated: bool) -> bytes:
    usage = {"input_tokens": plan.n_tokens, "output_tokens": n_steps, "total_tokens": plan.n_tokens + n_steps}
    return _event({"type": "speech.audio.done", "usage": usage, "truncated": truncated})

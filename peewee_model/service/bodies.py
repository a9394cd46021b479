"""Receives the bodies of requests, within limits of bytes and seconds, before anything reads them."""

import asyncio
import contextlib

from starlette.types import Message, Receive, Scope, Send

from peewee_model.service.errors import ServiceError

_DRAIN_S = 3.0
"""For so long what a refused client still sends is thrown away: many read their answer only when they have sent all."""


class ClientGoneError(Exception):
    """The client left before its request was complete."""


def has_body(scope: Scope) -> bool:
    """Whether a body follows the headers of a request."""
    return any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])


async def received(scope: Scope, receive: Receive, most: int, seconds: float) -> bytes:
    """Receive a body.

    Args:
        scope: Of the request.
        receive: Of the request.
        most: Bytes; a longer one is refused, by its header where that states it.
        seconds: In which it must have arrived.

    Raises:
        ServiceError: 413 or 408.
        ClientGoneError: If the client left.
    """
    stated = dict(scope["headers"]).get(b"content-length", b"0")
    if not stated.isdigit() or len(stated) > 15 or int(stated) > most:
        raise _too_large(most)
    parts, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                if size > most:
                    raise _too_large(most)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError:
        message_ = f"the body did not arrive within {seconds:g} s; send it faster, or send less"
        raise ServiceError(408, message_) from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that begins with a body that was received already."""
    waiting = [body]

    async def receive_again() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await receive()

    return receive_again


async def refuse(error: ServiceError, receive: Receive, send: Send, body_left: bool) -> None:
    """Answer a request that is refused, and throw away what is left of its body."""
    headers, body = error.raw()
    if body_left:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            while body_left:
                message = await receive()
                body_left = message["type"] == "http.request" and bool(message.get("more_body"))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _too_large(most: int) -> ServiceError:
    return ServiceError(413, f"the body has more than {most} bytes; send less")

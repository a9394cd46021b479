"""The page at `/`, on which a voice is recorded and speaks: files of the folder `page`, sent as they are."""

from collections.abc import Awaitable, Callable
from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import Response

_TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_START = "page.html"
_PAGE = {
    one.name: one.read_bytes()
    for one in files(__package__).joinpath("page").iterdir()
    if one.name.endswith(tuple(_TYPES))  # and not what an editor leaves
}
PATHS = ("/", *(f"/page/{name}" for name in _PAGE if name != _START))
"""What a browser loads before anybody can give it a key. There is nothing in them but the page."""
HEADERS = {
    # Scripts and styles are files of this server alone. `blob:` is sound that the page itself has received.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; media-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "permissions-policy": "microphone=(self), camera=(), geolocation=()",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-cache",
}


def router() -> APIRouter:
    """Return the routes. The OpenAPI document does not have them: they are for people."""
    routes = APIRouter(include_in_schema=False)
    for path in PATHS:
        routes.add_api_route(path, _sender(path.removeprefix("/page/").strip("/") or _START), methods=["GET"])
    return routes


def _sender(name: str) -> Callable[[], Awaitable[Response]]:
    media_type = _TYPES[name[name.rindex(".") :]]

    async def send() -> Response:
        return Response(_PAGE[name], headers=HEADERS, media_type=media_type)

    return send

"""What every request passes first: who asks, how much, how often; and last: one line of the log.

The log has no texts, no audio, no voices' names and no keys.
"""

import json
import logging
import secrets
import time
import traceback
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from peewee_model.service import routes_page
from peewee_model.service.bodies import ClientGoneError, has_body, received, refuse, replayed
from peewee_model.service.errors import ServiceError, fault_of
from peewee_model.service.keys import Key, Keys, Rates
from peewee_model.service.metrics import Metrics
from peewee_model.service.settings import Settings

logger = logging.getLogger(__name__)

UPLOADS = ("/v1/audio/voices", "/v1/audio/voice_consents", "/v1/audio/detect")
"""Routes whose bodies hold recordings."""
OPEN = ("/healthz", "/readyz", *routes_page.PATHS)
"""Routes that need no key."""
_FORM_BYTES = 1 << 16
"""What a form adds to its recording."""
_GONE = 499


class BrokenOffError(Exception):
    """An answer can't be ended; the web server closes the connection, so that its client sees a part, and no whole."""


class Gate:
    """An application behind its limits.

    Args:
        app: The application.
        settings: Of the server.
        keys: Who may use it.
        metrics: Receives every request.
    """

    def __init__(self, app: ASGIApp, settings: Settings, keys: Keys, metrics: Metrics) -> None:
        self._app, self._settings, self._keys, self._metrics = app, settings, keys, metrics
        self._rates = Rates(settings.limits.per_minute)
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _Exchange(scope, send, self._metrics).run(self, receive)

    async def admit(self, exchange: "_Exchange", receive: Receive) -> None:
        """Check a request, receive its body, and pass both on.

        Raises:
            ServiceError: If it is refused.
        """
        scope = exchange.scope
        self._check_origin(scope)
        key = self._key(scope)
        scope.setdefault("state", {})
        scope["state"] |= {"owner": key.name if key else "", "request_id": exchange.id, "started": exchange.started}
        if key and scope["path"].startswith("/v1/") and (wait_s := self._rates.wait_s(key)):
            raise ServiceError(429, f"key {key.name} asks too often; wait {wait_s:.0f} s", retry_after_s=wait_s)
        is_upload = scope["path"].rstrip("/") in UPLOADS and scope["method"] == "POST"
        if is_upload and self._uploads >= self._settings.limits.uploads:
            raise ServiceError(429, "too many recordings are being received; try again", retry_after_s=2)
        self._uploads += is_upload
        try:
            if exchange.body_left:
                limits = self._settings.limits
                most = limits.upload_bytes + _FORM_BYTES if is_upload else limits.json_bytes
                body = await received(scope, receive, most, limits.body_s)
                exchange.body_left = False
                receive = replayed(body, receive)
            await self._app(scope, receive, exchange.send)
        finally:
            self._uploads -= is_upload

    def _check_origin(self, scope: Scope) -> None:
        """Refuse what another site's page asks a browser to send, and names that only pretend to be this machine."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self._settings.is_local and not _is_local(host):
            raise ServiceError(403, "this server answers to localhost only; see --host", code="wrong_host")
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and origin.partition("://")[2] != host:
            raise ServiceError(403, "pages of other sites may not use this server", code="wrong_origin")

    def _key(self, scope: Scope) -> Key | None:
        if not self._keys or scope["path"] in OPEN:
            return None
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        key = self._keys.find(given)
        if key is None:
            what = "this API key is not known" if given else "an API key is needed"
            raise ServiceError(401, f"{what}; send the header `Authorization: Bearer KEY`")
        return key


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, send: Send, metrics: Metrics) -> None:
        self.scope, self._send, self._metrics = scope, send, metrics
        self.id = f"req_{secrets.token_hex(12)}"
        self.started = time.monotonic()
        self.body_left = has_body(scope)
        self._status, self._n_bytes, self._whole = 0, 0, False

    async def send(self, message: Message) -> None:
        """Send, and note what is sent."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            headers = [(b"x-request-id", self.id.encode()), (b"x-content-type-options", b"nosniff")]
            message = {**message, "headers": [*message.get("headers", ()), *headers]}
        self._n_bytes += len(message.get("body", b""))
        await self._send(message)
        self._whole = message["type"] == "http.response.body" and not message.get("more_body")

    async def run(self, gate: Gate, receive: Receive) -> None:
        """Answer; every fault is an answer too, unless an answer has begun: then the connection is closed."""
        try:
            try:
                await gate.admit(self, receive)
            except ServiceError as error:
                self._metrics.refused.labels(error.code).inc()
                await refuse(error, receive, self.send, self.body_left)
            except ClientGoneError:
                self._status = _GONE
            except Exception as error:  # noqa: BLE001 - any fault; its text may quote the request, so it is not noted
                frame = traceback.extract_tb(error.__traceback__)[-1]
                logger.error(
                    "fault=%s at=%s:%s request=%s", type(error).__name__, frame.filename, frame.lineno, self.id
                )
                if not self._status:
                    await refuse(fault_of(self.id), receive, self.send, self.body_left)
                elif not self._whole:
                    raise BrokenOffError(self.id) from None
        finally:
            self._note()

    def _note(self) -> None:
        seconds = time.monotonic() - self.started
        route = getattr(self.scope.get("route"), "path", "none")
        status, method = self._status or _GONE, self.scope["method"] if route != "none" else "none"
        if not self._whole:
            self._metrics.left.inc()
        self._metrics.requests.labels(route, method, status).inc()
        self._metrics.seconds.labels(route).observe(seconds)
        state = self.scope.get("state", {})
        line = {
            "request": self.id,
            "key": state.get("owner", ""),
            "method": self.scope["method"][:10],
            "route": route,
            "status": status,
            "whole": self._whole,
            "bytes": self._n_bytes,
            "seconds": round(seconds, 4),
            **state.get("figures", {}),
        }
        logger.info("%s", json.dumps(line))


def _is_local(host: str) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False

"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`, and no other form."""

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from peewee_model.errors import AudioError, ConfigError, PeeweeError, TextError, TryAgainError

INVALID = "invalid_request_error"
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {
    400: "invalid_request", 401: "invalid_api_key", 403: "forbidden", 404: "not_found", 405: "method_not_allowed",
    408: "request_timeout", 413: "request_too_large", 415: "unsupported_media_type", 429: "rate_limit_exceeded",
    500: "internal_error", 503: "unavailable",
}  # fmt: skip


class ServiceError(Exception):
    """A request that is refused.

    Args:
        status: Of HTTP.
        message: What is wrong, and the remedy.
        param: The field that is wrong.
        code: A short word for it; by the status, if it is not given.
        retry_after_s: After which time the same request may succeed.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.param = param
        self.code = code or _CODES.get(status, INVALID)
        self.headers = {} if retry_after_s is None else {"retry-after": str(max(1, round(retry_after_s)))}

    @property
    def body(self) -> dict[str, Any]:
        """What the client reads."""
        kind = _TYPES.get(self.status, INVALID if self.status < 500 else "server_error")
        param = None if self.param is None else _sendable(self.param)
        return {"error": {"message": _sendable(str(self)), "type": kind, "param": param, "code": self.code}}

    def response(self, headers: Mapping[str, str] | None = None) -> JSONResponse:
        """Return it as a response."""
        return JSONResponse(self.body, self.status, {**self.headers, **(headers or {})})

    def raw(self) -> tuple[list[tuple[bytes, bytes]], bytes]:
        """Return headers and body, for code that speaks ASGI itself."""
        body = json.dumps(self.body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        return [(name.encode(), value.encode()) for name, value in headers.items()], body


def _sendable(text: str) -> str:
    """Replace halves of characters, which a client may send and no answer can hold."""
    return text.encode(errors="replace").decode()


def refusal(error: PeeweeError, param: str | None = None) -> ServiceError:
    """Turn an error of the package into what a client may know of it: all of it is about the request, or try again."""
    if isinstance(error, TryAgainError):
        return ServiceError(503, "the release's store does not answer; try again", retry_after_s=5)
    if isinstance(error, AudioError):
        return ServiceError(400, str(error), param=param, code=error.reason)
    if isinstance(error, TextError | ConfigError):
        code = "unspeakable_text" if isinstance(error, TextError) else "unsupported_value"
        return ServiceError(400, str(error), param=param, code=code)
    return ServiceError(500, "the server has a fault; its log names it")


def fault_of(request_id: str) -> ServiceError:
    """Say that the server has a fault, and nothing of it."""
    return ServiceError(500, f"the server has a fault; report the request's id {request_id}")


def install(app: FastAPI) -> None:
    """Give every error of an application the one form."""

    @app.exception_handler(ServiceError)
    async def refused(_: Request, error: ServiceError) -> JSONResponse:
        return error.response()

    @app.exception_handler(PeeweeError)
    async def ours(_: Request, error: PeeweeError) -> JSONResponse:
        return refusal(error).response()

    @app.exception_handler(Exception)
    async def fault(request: Request, _: Exception) -> JSONResponse:
        return fault_of(request.state.request_id).response()

    @app.exception_handler(HTTPException)
    async def by_status(request: Request, error: HTTPException) -> JSONResponse:
        where = f"{request.method} {request.url.path[:100]}"
        messages = {404: f"there is no route {where}", 405: f"{where} is not allowed; see the header allow"}
        message = messages.get(error.status_code, str(error.detail))
        return ServiceError(error.status_code, message).response(error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = [str(part) for part in first["loc"] if part not in ("body", "query", "path", "__root__")]
        if first["type"] == "json_invalid":
            return ServiceError(400, f"the body is no JSON: {first['ctx']['error']}", code="invalid_json").response()
        param = where[0][:100] if where else None
        message = f"{'.'.join(where)[:100] or 'the body'}: {first['msg']}"
        return ServiceError(400, message, param=param, code=str(first["type"])).response()

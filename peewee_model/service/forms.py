"""Reads forms with a recording, in memory: no upload is written to a disk on its way."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from peewee_model.errors import PeeweeError
from peewee_model.public_text import plain_line
from peewee_model.service.errors import ServiceError

_FIELD_BYTES = 4096
_MOST_FIELDS = 10
_NAME_CHARACTERS = 200


class _InMemory(MultiPartParser):
    spool_max_size = 1 << 30  # the body is in memory already, and was limited before


@dataclass(frozen=True)
class Form:
    """The fields of a form."""

    texts: dict[str, str]
    files: dict[str, bytes]

    def line(self, name: str) -> str:
        """Return a field that is one line of text.

        Raises:
            ServiceError: If it is missing, or nobody could read it.
        """
        if name not in self.texts:
            raise ServiceError(400, f"{name} is missing; send it as a field of the form", param=name, code="missing")
        try:
            return plain_line(self.texts[name], name, _NAME_CHARACTERS)
        except PeeweeError as error:
            raise ServiceError(400, str(error), param=name) from None

    def recording(self, name: str, most: int) -> bytes:
        """Return a file.

        Raises:
            ServiceError: If it is missing or too large.
        """
        if name not in self.files:
            raise ServiceError(400, f"{name} is missing; send it as a file of the form", param=name, code="missing")
        if len(self.files[name]) > most:
            raise ServiceError(413, f"{name} has more than {most} bytes; send less", param=name)
        return self.files[name]

    def switch(self, name: str) -> bool:
        """Return a field that is true or false; false, where it is missing.

        Raises:
            ServiceError: If it is neither.
        """
        value = self.texts.get(name, "false").lower()
        if value not in ("true", "false", "1", "0"):
            raise ServiceError(400, f"{name} is {value[:20]!r}; send true or false", param=name)
        return value in ("true", "1")


def form_schema(file: str, *texts: str, kept: bool = True) -> dict[str, Any]:
    """Describe a form for the OpenAPI document; `kept` if its recording may be kept."""
    fields: dict[str, Any] = {name: {"type": "string"} for name in texts} | {
        file: {"type": "string", "format": "binary"}
    }
    if kept:
        fields["keep_recording"] = {"type": "boolean", "default": False}
    schema = {"type": "object", "required": [*texts, file], "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema}}}}


async def form_of(request: Request, texts: set[str], file: str) -> Form:
    """Read a form with one file.

    Args:
        request: Whose body was received already.
        texts: The fields that it may have.
        file: The file's field.

    Raises:
        ServiceError: If it is no such form.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise ServiceError(415, "send a form of the type multipart/form-data", code="unsupported_media_type")
    body = await request.body()

    async def parts() -> AsyncGenerator[bytes, None]:
        yield body

    parser = _InMemory(request.headers, parts(), max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
    try:
        found = (await parser.parse()).multi_items()
    except (MultiPartException, KeyError, ValueError) as error:
        raise ServiceError(400, f"the form can't be read: {error}", code="invalid_form") from None
    form = Form({}, {})
    for name, value in found:
        if name not in (texts if isinstance(value, str) else {file}) or name in form.texts or name in form.files:
            raise ServiceError(400, f"{name[:80]!r} is no field of this form, or is there twice", param=name[:80])
        if isinstance(value, UploadFile):
            form.files[name] = await value.read()
        else:
            form.texts[name] = value
    return form

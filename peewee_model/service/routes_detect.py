"""The route that looks for the marks of synthetic speech. Whoever may use the server may look."""

from typing import Any

from fastapi import APIRouter, Request

from peewee_model import environment
from peewee_model.errors import AudioError
from peewee_model.service.decoding import examine
from peewee_model.service.errors import refusal
from peewee_model.service.forms import form_of, form_schema
from peewee_model.service.service import Service


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()

    @routes.post("/v1/audio/detect", openapi_extra=form_schema("file", kept=False))
    async def detect(request: Request) -> dict[str, Any]:
        """Say whether a recording is marked as synthetic: in its samples, or by Content Credentials."""
        limits = service.settings.limits
        form = await form_of(request, set(), "file")
        try:
            found = await examine(
                form.recording("file", limits.upload_bytes),
                limits,
                service.settings.mark_key or environment.MARK_KEY.text(),
            )
        except AudioError as error:
            raise refusal(error, "file") from None
        return {"object": "audio.detection", **found}

    return routes

"""The routes of consents, as OpenAI's client sends them. Each key sees its own."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from peewee_model.service.errors import ServiceError
from peewee_model.service.forms import form_of, form_schema
from peewee_model.service.service import Service
from peewee_model.service.voices import Consent, Kind, new_id, now


class NewName(BaseModel):
    """A new name of a consent."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=200)


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    store = service.store

    @routes.post("/v1/audio/voice_consents", openapi_extra=form_schema("recording", "name", "language"))
    async def add_consent(request: Request) -> dict[str, Any]:
        """Store that a person consents to the use of their voice, with what their recording sounds like."""
        return _consent(await new_consent(service, request))

    @routes.get("/v1/audio/voice_consents")
    async def consents(
        request: Request,
        after: Annotated[str | None, Query(max_length=100)] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
    ) -> dict[str, Any]:
        """List the consents."""
        return _page(await asyncio.to_thread(store.consents, request.state.owner), after, limit)

    @routes.get("/v1/audio/voice_consents/{name}")
    async def consent(request: Request, name: str) -> dict[str, Any]:
        """Describe a consent."""
        return _consent(await consent_of(service, name, request.state.owner))

    @routes.post("/v1/audio/voice_consents/{name}")
    async def rename(request: Request, name: str, asked: NewName) -> dict[str, Any]:
        """Give a consent another name."""
        found = (await consent_of(service, name, request.state.owner)).model_copy(update={"name": asked.name})
        await asyncio.to_thread(store.rename, found)
        return _consent(found)

    @routes.delete("/v1/audio/voice_consents/{name}")
    async def withdraw(request: Request, name: str) -> dict[str, Any]:
        """Remove every byte of a consent, and of the voices that it allowed."""
        await consent_of(service, name, request.state.owner)
        await asyncio.to_thread(store.delete, "consents", name)
        return {"id": name, "object": "audio.voice_consent", "deleted": True}

    return routes


async def new_consent(service: Service, request: Request) -> Consent:
    """Read a consent's form and store it.

    Raises:
        ServiceError: If a field or the recording can't be used.
    """
    form = await form_of(request, {"name", "language", "keep_recording"}, "recording")
    owner, limits = request.state.owner, service.settings.limits
    name, language, keep = form.line("name"), form.line("language"), form.switch("keep_recording")
    recording = form.recording("recording", limits.upload_bytes)
    await check_number(service, "consents", owner)
    engine = service.releases.engine
    made = await service.embed(recording, engine, "recording")
    record = Consent(id=new_id("consents"), name=name, language=language, created_at=now(), owner=owner)
    kept = recording if keep else None
    await asyncio.to_thread(service.store.add, "consents", record, engine.encoder_version, made.tensors, kept)
    return record


async def consent_of(service: Service, name: str, owner: str, param: str | None = None) -> Consent:
    """Find a consent of an owner.

    Raises:
        ServiceError: If there is none.
    """
    found = await asyncio.to_thread(service.store.consent, name, owner)
    if found is None:
        message = f"there is no consent {name[:80]!r}; see GET /v1/audio/voice_consents"
        raise ServiceError(404, message, param=param, code="consent_not_found")
    return found


async def check_number(service: Service, kind: Kind, owner: str) -> None:
    """Refuse one more voice or consent of an owner who has enough.

    Raises:
        ServiceError: If there are too many.
    """
    most = service.settings.limits.voices
    listed = service.store.voices if kind == "voices" else service.store.consents
    if len(await asyncio.to_thread(listed, owner)) >= most:
        raise ServiceError(400, f"{most} {kind} are kept for one key; delete some", code="too_many")


def _page(found: list[Consent], after: str | None, limit: int) -> dict[str, Any]:
    """A part of a list, behind an identifier; from the first, if it is not in the list."""
    ids = [one.id for one in found]
    start = ids.index(after) + 1 if after in ids else 0
    page = [_consent(one) for one in found[start : start + limit]]
    ends = {"first_id": page[0]["id"], "last_id": page[-1]["id"]} if page else {"first_id": None, "last_id": None}
    return {"object": "list", "data": page, "has_more": start + limit < len(found), **ends}


def _consent(record: Consent) -> dict[str, Any]:
    return {"object": "audio.voice_consent", **record.model_dump(exclude={"owner"})}

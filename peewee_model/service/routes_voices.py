"""The routes of voices, as OpenAI's client sends them. Each key sees its own, and the operator's."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from peewee_model.service.errors import ServiceError
from peewee_model.service.forms import form_of, form_schema
from peewee_model.service.routes_consents import check_number, consent_of
from peewee_model.service.service import Service
from peewee_model.service.voices import Voice, new_id, now


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    store = service.store

    @routes.post("/v1/audio/voices", openapi_extra=form_schema("audio_sample", "name", "consent"))
    async def add_voice(request: Request) -> dict[str, Any]:
        """Store a voice, if it is of the person who consented."""
        return _voice(await new_voice(service, request))

    @routes.get("/v1/audio/voices")
    async def voices(request: Request) -> dict[str, Any]:
        """List the voices: the operator's, and one's own."""
        found = await asyncio.to_thread(store.voices, request.state.owner)
        listed = [_own(service, name) for name in service.releases.own_names] + [_voice(one) for one in found]
        return {"object": "list", "voices": listed, "data": listed}

    @routes.get("/v1/audio/voices/{name}")
    async def voice(request: Request, name: str) -> dict[str, Any]:
        """Describe a voice."""
        if name in service.releases.own_names:
            return _own(service, name)
        return _voice(await voice_of(service, name, request.state.owner))

    @routes.get("/v1/audio/voices/{name}/likeness")
    async def likeness(request: Request, name: str) -> dict[str, Any]:
        """Compare a voice with the others that one may use: the cosines of their embeddings, the most alike first."""
        return await likenesses(service, name, request.state.owner)

    @routes.delete("/v1/audio/voices/{name}")
    async def delete(request: Request, name: str) -> dict[str, Any]:
        """Remove every byte of a voice."""
        if name in service.releases.own_names:
            raise ServiceError(403, f"{name} is the operator's voice; only the operator removes it")
        await voice_of(service, name, request.state.owner)
        await asyncio.to_thread(store.delete, "voices", name)
        return {"id": name, "object": "audio.voice.deleted", "deleted": True}

    return routes


async def new_voice(service: Service, request: Request) -> Voice:
    """Read a voice's form, compare its sample with the consent's recording, and store it.

    Raises:
        ServiceError: If a field or the sample can't be used, or it is of another person.
    """
    form = await form_of(request, {"name", "consent", "type", "keep_recording"}, "audio_sample")
    owner, limits = request.state.owner, service.settings.limits
    if form.texts.get("type", "audio_sample") != "audio_sample":
        raise ServiceError(400, "voices are made from recordings here; leave the type out", param="type")
    name, keep = form.line("name"), form.switch("keep_recording")
    sample = form.recording("audio_sample", limits.upload_bytes)
    consent = await consent_of(service, form.line("consent"), owner, param="consent")
    await check_number(service, "voices", owner)
    engine = service.releases.engine
    made = await service.embed(sample, engine, "audio_sample")
    said = await service.tensors("consents", consent.id, engine, "consent")
    likeness = engine.likeness(made.tensors, said)
    if engine.one_voice is None:
        message = f"release {engine.version} has no threshold for two recordings of one person; use another release"
        raise ServiceError(400, message, param="consent", code="consent_not_verifiable")
    if not likeness >= engine.one_voice:
        message = (
            f"the sample and the consent's recording are of two people: their likeness is {likeness:.2f}, and one "
            f"person's is above {engine.one_voice:.2f}; send recordings of one person"
        )
        raise ServiceError(400, message, param="audio_sample", code="consent_mismatch")
    record = Voice(
        id=new_id("voices"), name=name, created_at=now(), owner=owner, consent=consent, likeness=likeness,
        doubts=made.doubts,
    )  # fmt: skip
    kept = sample if keep else None
    await asyncio.to_thread(service.store.add, "voices", record, engine.encoder_version, made.tensors, kept)
    if await asyncio.to_thread(service.store.consent, consent.id, owner) is None:  # withdrawn in the meantime
        await asyncio.to_thread(service.store.delete, "voices", record.id)
        raise ServiceError(404, f"consent {consent.id} was withdrawn", param="consent", code="consent_not_found")
    return record


async def likenesses(service: Service, name: str, owner: str) -> dict[str, Any]:
    """Compare a voice with the operator's, and with its owner's others.

    Voices of another encoder can't be compared, and are left out.

    Raises:
        ServiceError: If there is no voice of the name, or it was made for another encoder.
    """
    engine = service.releases.engine
    asked = await service.voice(name, owner, engine)
    listed = [(own, own, service.releases.own_voice(own, engine)) for own in service.releases.own_names]
    for one in await asyncio.to_thread(service.store.voices, owner):
        found = await asyncio.to_thread(service.store.tensors, "voices", one.id, engine.encoder_version)
        listed.append((one.id, one.name, found))
    compared = [
        (engine.likeness(asked, tensors), {"id": other, "name": shown})
        for other, shown, tensors in listed
        if other != name and tensors is not None
    ]
    compared.sort(key=lambda one: -one[0])
    data = [{**one, "likeness": round(likeness, 4)} for likeness, one in compared]
    return {"object": "audio.voice.likeness", "id": name, "one_person_above": engine.one_voice, "data": data}


async def voice_of(service: Service, name: str, owner: str) -> Voice:
    """Find a voice of an owner.

    Raises:
        ServiceError: If there is none.
    """
    found = await asyncio.to_thread(service.store.voice, name, owner)
    if found is None:
        raise ServiceError(404, f"there is no voice {name[:80]!r}; see GET /v1/audio/voices", code="voice_not_found")
    return found


def _voice(record: Voice) -> dict[str, Any]:
    found = record.model_dump(exclude={"owner", "consent"})
    return {"object": "audio.voice", "type": "audio_sample", "consent": record.consent.id, **found}


def _own(service: Service, name: str) -> dict[str, Any]:
    """Describe a voice of the operator's, which comes and goes with the server."""
    return {"id": name, "object": "audio.voice", "type": "audio_sample", "name": name, "created_at": service.started}

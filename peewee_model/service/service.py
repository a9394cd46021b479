"""The parts of a running server, and what its routes do with them."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from peewee_model.errors import AudioError, ConfigError, PeeweeError, TextError
from peewee_model.script.lexicon import Lexicon
from peewee_model.service.batching import Batcher, Ticket
from peewee_model.service.decoding import decode
from peewee_model.service.engine import Engine, NewVoice, VoiceTensors
from peewee_model.service.errors import ServiceError, refusal
from peewee_model.service.metrics import Metrics
from peewee_model.service.releases import Releases
from peewee_model.service.settings import Settings
from peewee_model.service.speech import Plan, SpeechRequest
from peewee_model.service.voices import Kind, VoiceStore

MODEL = "peewee-tts"
"""The model's name for whoever does not care which release speaks."""


class Service:
    """Everything that requests share.

    Args:
        settings: Of the server.
        metrics: Of the server.

    Raises:
        PeeweeError: If the release, a voice, the lexicon or the folder of voices can't be used.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings, self.metrics = settings, metrics
        self.lexicon = Lexicon.of(settings.lexicon)
        self.store = VoiceStore(settings.voices)
        self.releases = Releases(settings.release, settings.device, settings.own_voices, metrics)
        self.batcher = Batcher(settings.threads, settings.gather_s, metrics.batch_spoken)
        self.started = int(time.time())
        self._embedding = asyncio.Lock()
        self._speeches = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the channel while the server runs; end the thread that speaks when it stops."""
        watch = asyncio.create_task(self.releases.watch(self.settings.reload_s))
        try:
            yield
        finally:
            watch.cancel()
            await asyncio.to_thread(self.batcher.stop)

    @property
    def models(self) -> list[str]:
        """Every name of the model."""
        return [MODEL, self.releases.engine.version, *self.settings.aliases]

    @contextmanager
    def speech(self) -> Iterator[Ticket]:
        """Count a speech while it is waited for and streamed.

        Raises:
            ServiceError: 429 if there are too many.
        """
        limits = self.settings.limits
        if self._speeches >= limits.requests:
            raise ServiceError(429, f"{limits.requests} speeches are being made; try again", retry_after_s=1)
        self._speeches += 1
        self.metrics.speeches.set(self._speeches)
        now = time.monotonic()
        ticket = Ticket(now + limits.first_audio_s, now + limits.speech_s)
        try:
            yield ticket
        finally:
            ticket.cancelled = True
            self._speeches -= 1
            self.metrics.speeches.set(self._speeches)

    async def plan(self, asked: SpeechRequest, owner: str) -> Plan:
        """Find what is spoken for a request.

        Raises:
            ServiceError: If a field can't be used; it is named.
        """
        most = self.settings.limits.characters
        if len(asked.input) > most:
            message = f"the text has {len(asked.input)} characters, and {most} may be sent; split it"
            raise ServiceError(400, message, param="input", code="string_too_long")
        if asked.model not in self.models:
            message = f"there is no model {asked.model[:80]!r}; see GET /v1/models"
            raise ServiceError(404, message, param="model", code="model_not_found")
        if asked.timestamps and asked.stream_format != "sse":
            raise ServiceError(400, "timestamps are events; ask for them with stream_format sse", param="timestamps")
        engine = self.releases.engine
        voice = await self.voice(asked.voice_id, owner, engine)
        try:
            taught = await asyncio.to_thread(lambda: self.lexicon.with_entries_of(Lexicon.of(asked.lexicon)))
        except (ConfigError, TextError) as error:
            raise refusal(error, "lexicon") from None
        try:
            lines = await asyncio.to_thread(engine.lines_of, asked.input, asked.seed, taught, asked.speed)
        except (ConfigError, TextError) as error:
            raise refusal(error, "input" if isinstance(error, TextError) or asked.speed == 1 else "speed") from None
        return Plan(engine, lines, voice, bool(asked.seed))

    async def voice(self, name: str, owner: str, engine: Engine) -> VoiceTensors:
        """Find a voice for a release.

        Raises:
            ServiceError: If there is none of the name, or it was made for another encoder.
        """
        own = self.releases.own_voice(name, engine)
        if own is not None:
            return own
        if await asyncio.to_thread(self.store.voice, name, owner) is None:
            message = f"there is no voice {name[:80]!r}; see GET /v1/audio/voices"
            raise ServiceError(404, message, param="voice", code="voice_not_found")
        return await self.tensors("voices", name, engine, "voice")

    async def tensors(self, kind: Kind, name: str, engine: Engine, param: str) -> VoiceTensors:
        """Read the tensors of a voice or a consent for a release; make them, where its recording is kept.

        Raises:
            ServiceError: If there are none, and can't be made.
        """
        found = await asyncio.to_thread(self.store.tensors, kind, name, engine.encoder_version)
        if found is not None:
            return found
        recording = await asyncio.to_thread(self.store.recording, kind, name)
        if recording is None:
            raise ServiceError(
                409,
                f"{name} was made for another encoder than that of release {engine.version}; upload it again",
                param=param,
                code="voice_outdated",
            )
        made = await self.embed(recording, engine, param)
        await asyncio.to_thread(self.store.add_tensors, kind, name, engine.encoder_version, made.tensors)
        return made.tensors

    async def embed(self, recording: bytes, engine: Engine, param: str) -> NewVoice:
        """Decode a recording and embed its voice.

        Raises:
            ServiceError: If it can't be used; says why.
        """
        try:
            if not recording:
                raise AudioError("empty", "the recording is empty; record it again")
            samples, rate = await decode(recording, self.settings.limits)
            async with self._embedding:
                return await asyncio.to_thread(engine.voice, [(samples, rate)])
        except PeeweeError as error:
            raise refusal(error, param) from None

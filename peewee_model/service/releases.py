"""The release that speaks: loaded at the start, and replaced when its channel moves.

A request ends on the release with which it began.
"""

import asyncio
import logging
from pathlib import Path

from peewee_model.errors import ConfigError, PeeweeError
from peewee_model.service.engine import Engine, VoiceTensors
from peewee_model.service.metrics import Metrics
from peewee_model.store.reference import parse_reference
from peewee_model.store.store import open_store

logger = logging.getLogger(__name__)


class Releases:
    """Loads releases.

    Args:
        reference: STORE@CHANNEL or STORE@VERSION.
        device: As torch names it.
        own_voices: The operator's: a name and a recording each.
        metrics: Receives which release speaks.

    Raises:
        PeeweeError: If the release or a voice can't be used.
    """

    def __init__(self, reference: str, device: str, own_voices: tuple[tuple[str, Path], ...], metrics: Metrics) -> None:
        self._parsed = parse_reference(reference)
        self._store = open_store(self._parsed.address)
        self._device, self._recordings, self._metrics = device, dict(own_voices), metrics
        if len(self._recordings) != len(own_voices):
            raise ConfigError("two of the voices have one name; name each of them once")
        self._engine, self._voices = self._load(self._store.resolve(self._parsed.selector))
        metrics.speaks(self._engine.version)

    @property
    def engine(self) -> Engine:
        """The release that speaks now."""
        return self._engine

    @property
    def own_names(self) -> list[str]:
        """The names of the operator's voices."""
        return list(self._recordings)

    def own_voice(self, name: str, engine: Engine) -> VoiceTensors | None:
        """Return a voice of the operator's for a release; None if there is none of the name."""
        return self._voices.get(name) if engine is self._engine else None

    async def watch(self, seconds: float) -> None:
        """Look at the channel again and again; a release that can't be loaded changes nothing."""
        while seconds and not self._parsed.is_version:
            await asyncio.sleep(seconds)
            await self.look()

    async def look(self) -> None:
        """Load the channel's release, if it is another one now."""
        try:
            version = await asyncio.to_thread(self._store.resolve, self._parsed.selector)
            if version == self._engine.version:
                return
            loaded = await asyncio.to_thread(self._load, version)
        except (PeeweeError, OSError) as error:
            self._metrics.reloads.labels("failed").inc()
            logger.error("reload=failed release_stays=%s error=%s", self._engine.version, error)
            return
        self._engine, self._voices = loaded
        self._metrics.speaks(version)
        self._metrics.reloads.labels("loaded").inc()
        logger.info("reload=done release=%s", version)

    def _load(self, version: str) -> tuple[Engine, dict[str, VoiceTensors]]:
        engine = Engine.fetch(self._store, version, self._device)
        return engine, {name: engine.voice([path]).tensors for name, path in self._recordings.items()}

"""Voices and consents on the disk: a folder each, which only this user reads, and of which DELETE leaves nothing.

    VOICES/voices/<id>/record.json              what is known of it, its owner and its consent
    VOICES/voices/<id>/<encoder>.safetensors    its tensors for releases of one encoder
    VOICES/voices/<id>/recording                the upload, only if its sender asked to keep it
    VOICES/consents/<id>/...                    the same of a consent

The record is written last and removed first: without one, the folder is a remainder, which the next start removes.
"""

import re
import secrets
import time
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict
from safetensors.torch import load, save

from peewee_model.errors import PeeweeError
from peewee_model.files import sync, written_whole
from peewee_model.service.engine import VoiceTensors

Kind = Literal["voices", "consents"]
KINDS: tuple[Kind, ...] = ("voices", "consents")
PREFIXES = {"voices": "voice_", "consents": "cons_"}

_ID = re.compile(r"(?:voice|cons)_[0-9a-f]{24}")
_RECORD, _RECORDING = "record.json", "recording"
_MOST_BYTES = 1 << 20
"""Of a record, and of tensors: a damaged file must not fill memory."""


class Consent(BaseModel):
    """Who consented, as the recording's sender says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    language: str
    created_at: int
    """Seconds since 1970."""
    owner: str
    """The name of the API key that made it."""


class Voice(BaseModel):
    """A voice, and by which consent it may be used."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str
    created_at: int
    owner: str
    consent: Consent
    likeness: float
    """Cosine of the sample and the consent's recording."""
    doubts: tuple[str, ...] = ()
    """Why the voice may not be like its speaker."""


def new_id(kind: Kind) -> str:
    """Draw an identifier that nobody guesses."""
    return PREFIXES[kind] + secrets.token_hex(12)


def now() -> int:
    """Seconds since 1970."""
    return int(time.time())


class VoiceStore:
    """The folder of voices and consents.

    Args:
        folder: Made if it is missing.

    Raises:
        PeeweeError: If it can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for kind in KINDS:
                (folder / kind).mkdir(mode=0o700, parents=True, exist_ok=True)
                for left in (folder / kind).iterdir():
                    if not (left / _RECORD).is_file():
                        _remove(left)
        except OSError as error:
            raise PeeweeError(f"{folder} can't hold voices: {error.strerror}; choose another with --voices") from None

    def add(self, kind: Kind, record: Voice | Consent, encoder: str, tensors: VoiceTensors, kept: bytes | None) -> None:
        """Store a voice or a consent.

        Args:
            kind: Which.
            record: What is known of it.
            encoder: The version of the encoder that made the tensors.
            tensors: By name.
            kept: The upload, if it should be kept.
        """
        place = self.folder / kind / record.id
        place.mkdir(mode=0o700)
        if kept is not None:
            _write(place / _RECORDING, kept)
        _write(place / f"{encoder}.safetensors", save(tensors))
        _write(place / _RECORD, record.model_dump_json(indent=1).encode())
        sync(place.parent)

    def voice(self, name: str, owner: str) -> Voice | None:
        """Read the record of a voice of an owner."""
        data = self._record("voices", name)
        found = Voice.model_validate_json(data) if data else None
        return found if found and found.owner == owner else None

    def consent(self, name: str, owner: str) -> Consent | None:
        """Read the record of a consent of an owner."""
        data = self._record("consents", name)
        found = Consent.model_validate_json(data) if data else None
        return found if found and found.owner == owner else None

    def voices(self, owner: str) -> list[Voice]:
        """List the voices of an owner, oldest first."""
        found = [one for name in self._names("voices") if (one := self.voice(name, owner))]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def consents(self, owner: str) -> list[Consent]:
        """List the consents of an owner, oldest first."""
        found = [one for name in self._names("consents") if (one := self.consent(name, owner))]
        return sorted(found, key=lambda one: (one.created_at, one.id))

    def rename(self, consent: Consent) -> None:
        """Write a consent's record again."""
        _write(self.folder / "consents" / consent.id / _RECORD, consent.model_dump_json(indent=1).encode())

    def tensors(self, kind: Kind, name: str, encoder: str) -> VoiceTensors | None:
        """Read the tensors for releases of an encoder; None if there are none."""
        data = _read(self.folder / kind / name / f"{encoder}.safetensors", _MOST_BYTES)
        return None if data is None else load(data)

    def add_tensors(self, kind: Kind, name: str, encoder: str, tensors: VoiceTensors) -> None:
        """Store the tensors for releases of another encoder, if the voice is still there."""
        if (self.folder / kind / name / _RECORD).is_file():
            _write(self.folder / kind / name / f"{encoder}.safetensors", save(tensors))

    def recording(self, kind: Kind, name: str) -> bytes | None:
        """Read the upload; None if it was not kept."""
        return _read(self.folder / kind / name / _RECORDING, None)

    def delete(self, kind: Kind, name: str) -> None:
        """Remove every byte of a voice or a consent; a consent takes the voices that it allowed with it."""
        if kind == "consents":
            for one in self._names("voices"):
                data = self._record("voices", one)
                if data and Voice.model_validate_json(data).consent.id == name:
                    self.delete("voices", one)
        _remove(self.folder / kind / name)
        sync(self.folder / kind)

    def _names(self, kind: Kind) -> list[str]:
        return [path.name for path in (self.folder / kind).iterdir() if _ID.fullmatch(path.name)]

    def _record(self, kind: Kind, name: str) -> bytes | None:
        if not (_ID.fullmatch(name) and name.startswith(PREFIXES[kind])):
            return None
        return _read(self.folder / kind / name / _RECORD, _MOST_BYTES)


def _write(path: Path, data: bytes) -> None:
    with written_whole(path, durable=True) as part:
        part.chmod(0o600)  # before the first byte
        part.write_bytes(data)


def _read(path: Path, most: int | None) -> bytes | None:
    try:
        if most is not None and path.stat().st_size > most:
            raise PeeweeError(f"{path} has more than {most} bytes; it is damaged, so remove its folder")
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _remove(folder: Path) -> None:
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
        return
    (folder / _RECORD).unlink(missing_ok=True)
    for path in folder.iterdir():
        path.unlink(missing_ok=True)
    folder.rmdir()

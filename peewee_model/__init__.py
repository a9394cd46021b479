"""Pee Wee TTS for those who use its voices: load a release, clone a voice.

    from peewee_model import VoiceCloner

    cloner = VoiceCloner.load("store@stable")
    cloner.clone("Hello there.", reference=["me.wav"]).save("hello.wav")

Names are loaded when first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from peewee_model.audio.clip import Clip
    from peewee_model.cloning.cloner import VoiceCloner
    from peewee_model.cloning.reference_checks import ReferenceWarning
    from peewee_model.cloning.speech import Speech
    from peewee_model.errors import PeeweeError

_HOMES = {
    "Clip": "peewee_model.audio.clip",
    "PeeweeError": "peewee_model.errors",
    "ReferenceWarning": "peewee_model.cloning.reference_checks",
    "Speech": "peewee_model.cloning.speech",
    "VoiceCloner": "peewee_model.cloning.cloner",
}

__all__ = ["Clip", "PeeweeError", "ReferenceWarning", "Speech", "VoiceCloner"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'peewee_model' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])

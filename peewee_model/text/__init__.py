"""Text as it is spoken. Names are loaded when first used, so that importing the package costs nothing."""

from importlib import import_module
from typing import Any

_HOMES = {
    "phonemes": "peewee_model.text.symbols.tokenizer",
    "spoken_sentences": "peewee_model.script.script",
}

__all__ = ["phonemes", "spoken_sentences"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'peewee_model.text' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

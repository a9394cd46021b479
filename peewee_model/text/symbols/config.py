"""How text becomes symbols."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class TextConfig(BaseModel):
    """What a synthesizer reads. It travels with the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: Literal["graphemes", "phonemes"]
    """Letters as they are written, or the IPA of espeak-ng."""
    language: str
    """Whose pronunciation the phonemes follow, as espeak-ng names it: "en-us". Letters are English in any case."""

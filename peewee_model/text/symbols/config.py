"""How text becomes symbols."""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class TextConfig(BaseModel):
    """The symbols that a synthesizer reads. The model's config contains a copy."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: Literal["graphemes", "phonemes"]
    """`graphemes`: the letters of the text. `phonemes`: the IPA of espeak-ng."""
    language: str
    """The language of the phonemes, by espeak-ng's name, such as "en-us". Letters are always English."""

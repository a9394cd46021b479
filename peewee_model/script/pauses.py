"""Pauses: how long each kind is, and those that are written in a text.

A written pause is SSML's `<break time="500ms"/>`, which ElevenLabs, Amazon Polly, Azure and Google read too.
"""

import math
import re
from dataclasses import dataclass, fields

from peewee_model.errors import ConfigError, TextError
from peewee_model.text.normalize.normalizer import PARAGRAPH, SENTENCE
from peewee_model.text.normalize.sentence import DASH, ELLIPSIS

SHORTEST_S, LONGEST_S = 0.05, 10.0
"""Of a written pause."""
MOST_TOGETHER_S = 600.0
"""Of all written pauses of a text."""

_TAG = re.compile(r"<\s{0,8}/?\s{0,8}break\b[^<>]{0,200}>?", re.IGNORECASE)
_BREAK = re.compile(
    r"""<break\s+time\s*=\s*(["'])\s*(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})\s*(ms|s)\s*\1\s*/?>(?:\s{0,8}</break>)?""",
    re.IGNORECASE,
)
_REMEDY = 'write <break time="500ms"/>, with 0.05 s to 10 s'


@dataclass(frozen=True)
class Pauses:
    """How long a voice pauses, from the end of the sound to its beginning again. A comma's pause is the network's.

    Raises:
        ConfigError: If one is not between 0 and 10 s.
    """

    paragraph_s: float = 0.9
    """Between paragraphs, headings and items of a list."""
    sentence_s: float = 0.55
    """Between sentences."""
    ellipsis_s: float = 0.45
    """At three dots within a sentence."""
    dash_s: float = 0.35
    """At a dash between words."""
    semicolon_s: float = 0.35
    """At a semicolon."""
    clause_s: float = 0.2
    """Where a sentence of more than 200 characters is split, at a comma or between words."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int | float) or not math.isfinite(value) or not 0 <= value <= LONGEST_S:
                raise ConfigError(f"{field.name} is {value!r}; a pause has 0 to {LONGEST_S:g} seconds")

    def between(self, joint: str) -> float:
        """Seconds between two sentences; `joint` as `Said` has it."""
        kinds = {PARAGRAPH: self.paragraph_s, SENTENCE: self.sentence_s} | self.within
        return kinds.get(joint, self.clause_s)

    @property
    def within(self) -> dict[str, float]:
        """Seconds at the marks within a sentence that the network does not decide about."""
        return {ELLIPSIS: self.ellipsis_s, DASH: self.dash_s, ";": self.semicolon_s}


PAUSES = Pauses()
"""Of a caller who does not say otherwise."""


def read_written(text: str) -> tuple[str, dict[str, float]]:
    """Put a mark in place of each written pause.

    Returns:
        The text, and the seconds of each mark. Pauses with no word between them are one.

    Raises:
        TextError: If a `<break>` is broken, too short or too long, or if there are too many.
    """
    parts: list[str] = []
    written: dict[str, float] = {}
    free = (chr(code) for code in range(0xE000, 0xF900) if chr(code) not in text)
    mark, position = "", 0
    while tag := _TAG.search(text, position):
        before = text[position : tag.start()]
        found = _BREAK.match(text, tag.start())
        if not found:
            raise TextError(f"{tag[0]!r} is no pause that can be read; {_REMEDY}")
        position = found.end()
        if mark and not any(character.isalnum() for character in before):
            parts.append(before)
        else:
            mark = next(free, "")
            if not mark:
                raise TextError(f"the text has more than {len(written)} written pauses; split it")
            # A comma shows the readers that something ends here; where a sentence or a line ended, they know.
            word = before.rstrip(" \t")
            parts.append(f"{word},{mark} " if word[-1:].isalnum() else f"{before} {mark} ")
            written[mark] = 0.0
        written[mark] += _seconds(found)
    if sum(written.values()) > MOST_TOGETHER_S:
        raise TextError(f"the written pauses of the text have more than {MOST_TOGETHER_S:g} s together; split it")
    return "".join(parts) + text[position:], written


def _seconds(found: re.Match[str]) -> float:
    seconds = float(found[2]) / (1000 if found[3].lower() == "ms" else 1)
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise TextError(f"{found[0]!r} is a pause of {seconds:g} s; {_REMEDY}")
    return seconds

"""A sentence that is being read, and what its readers return."""

import re
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

_WORD_BEFORE = re.compile(r"([A-Za-z][A-Za-z'.]*|\d[\d,.]*|[^\sA-Za-z\d])\.?[\"'(]*[ -]?$")
_WORD_AFTER = re.compile(r"[\s\"'(-]{0,4}([A-Za-z][A-Za-z']*)")
_CAPITAL_WORD = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![A-Za-z])")
DASH = "–"
"""What a dash between words is said as: a pause, as a comma is, but a longer one."""
ELLIPSIS = "…"
"""The same of three dots."""
PRIVATE = "\ue000-\uf8ff"
"""Unicode's characters for private use, as a range of a pattern: marks of a caller, where it has put them."""

_WINDOW = 40  # no pattern looks further back, so that a text without spaces takes no quadratic time


class Reading(NamedTuple):
    """What a reader says for a part of a sentence."""

    spoken: str
    """Words, and punctuation that changes how a voice reads."""
    end: int
    """Where the part ends in the sentence."""


class Sentence:
    """A folded sentence, with what readers ask about it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._mentions: dict[re.Pattern[str], bool] = {}

    @cached_property
    def signs(self) -> frozenset[str]:
        """Its characters: what a reader needs and the sentence lacks need not be looked for."""
        return frozenset(self.text)

    @cached_property
    def shouted(self) -> bool:
        """Whether it is written in capitals throughout: then they do not show initials."""
        return not re.search("[a-z]", self.text) and len(_CAPITAL_WORD.findall(self.text)) > 1

    @cached_property
    def has_equation(self) -> bool:
        """Whether it holds a sign that only mathematics has."""
        return bool(re.search(r"[=^]|!=| [+*] ", self.text))

    def mentions(self, pattern: re.Pattern[str]) -> bool:
        """Whether a pattern is found anywhere in it."""
        if pattern not in self._mentions:
            self._mentions[pattern] = bool(pattern.search(self.text))
        return self._mentions[pattern]

    def behind(self, start: int) -> str:
        """The text before a place, as far as readers look."""
        return self.text[max(0, start - _WINDOW) : start]

    def ahead(self, end: int) -> str:
        """The text after a place, as far as readers look."""
        return self.text[end : end + _WINDOW]

    def before(self, start: int) -> str:
        """The word, number or sign before a place, in lower case and without its full stop."""
        match = _WORD_BEFORE.search(self.text, max(0, start - _WINDOW), start)
        return match[1].rstrip(".'").lower() if match else ""

    def written_before(self, start: int) -> str:
        """As `before`, as it is written."""
        match = _WORD_BEFORE.search(self.text, max(0, start - _WINDOW), start)
        return match[1].rstrip(".'") if match else ""

    def after(self, end: int) -> str:
        """The word after a place, as it is written."""
        match = _WORD_AFTER.match(self.text, end)
        return match[1] if match else ""

    def starts_at(self, start: int) -> bool:
        """Whether a sentence begins at a place: at the start, after a full stop, or after an opening quote."""
        return not start or bool(
            re.search(r"(?:^|[.!?:(]) ?[\"'(]*$|[\"(]$|(?:^| )'$|^ $", self.text[max(0, start - 4) : start])
        )


Reader = Callable[[Sentence, int], Reading | None]
"""Reads what starts at a place of a sentence, if it is of the reader's kind."""


def joined(*parts: str) -> str:
    """Join the parts that are not empty by spaces."""
    return " ".join(part for part in parts if part)

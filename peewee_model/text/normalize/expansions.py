"""Reads abbreviations by the words beside them: Mr., No. 5, Jr., dept., Inc."""

import re

from peewee_model.text.normalize.abbreviations import (
    AFTER_NAMES,
    ALWAYS,
    BEFORE_NUMBER,
    GENERAL,
    TITLES,
    TITLES_WITHOUT_STOP,
)
from peewee_model.text.normalize.places import SHORT_ALONE, WRITTEN_SHORT
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_WORD = re.compile(r"([A-Za-z]+(?:'[a-z]+)?(?:\.[A-Za-z]{1,3}(?=\.)){0,4})(\.?)(?=[^A-Za-z0-9]|$)")
_NUMERAL_AFTER = re.compile(r" ?[\"(]?(?:#?\d|[IVXLC]+(?![A-Za-z])|[A-Z](?![A-Za-z]))")
_DIGIT_AFTER = re.compile(r" ?#?\d")
_NAME_AFTER = re.compile(r" ?\"?(?:[A-Z][A-Za-z'-]+|[A-Z]\. ?|(?:de|van|von|la|le|di|du|del|and|y) [A-Z])")
_BARE_NAME_AFTER = re.compile(r" [A-Z](?:[a-z'-]|\.)")
_NAME_BEFORE = re.compile(r"(?:[A-Z][\w'-]*|\d+(?:st|nd|rd|th)|[a-z]{2,}\.)[,.]? $")
_WORD_AFTER = re.compile(r" ?[a-z]")
_ANY_AFTER = re.compile(r" ?[a-z\",;:)\d]")
_SURE = words("co corp inc ltd bros jr esq est rd blvd ave st")
_TOO_COMMON = words(
    """
    long sing pop sub cap med w b res comp op pub cat prop mod exp org del spec info intro docs specs lang ins vet
    veg var sep sm lg pl fac comm diff cert fig lat perm ht stat stats rev pd tot chg ann bal bet env ser mil vac
    dup vocab
    """
)
"""Words themselves, and read as abbreviations before a number only."""
_COMMON = words(
    "min max ch ref reg gen ex temp tech alt poss prod ed def st mo ft mm in co chap para oz pt mi gal subj masc fem"
)
"""Words themselves, or ends of sentences: read before a small letter only."""
_WITHOUT_STOP = words("vs etc approx hwy blvd dept govt assn mgmt mins hrs yrs incl avg")
_NUMBERED_WITHOUT_STOP = words("pp nos vol figs hwy rte apt ste rm ca")


def read_abbreviation(sentence: Sentence, start: int) -> Reading | None:
    """Read a title, what follows a name, what precedes a number, or a word cut short."""
    match = _WORD.match(sentence.text, start)
    if not match:
        return None
    if not match[2]:
        return _without_stop(sentence, start, match[1], match.end())
    return (
        _beside_name(sentence, start, match[1], match.end())
        or _before_number(sentence, match[1], match.end())
        or _title(sentence, match[1], match.end())
        or _after_name(sentence, start, match[1], match.end())
        or _general(sentence, start, match[1], match.end())
    )


def _beside_name(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    """Read those that are titles too, behind a name: Sr. is a sister only before one."""
    plain = word.lower()
    if plain == "jr" or (plain in ("sr", "esq") and _NAME_BEFORE.search(sentence.behind(start))):
        return Reading(AFTER_NAMES[plain], end)
    return None


def _before_number(sentence: Sentence, word: str, end: int) -> Reading | None:
    plain = word.lower()
    if plain not in BEFORE_NUMBER or not _NUMERAL_AFTER.match(sentence.text, end):
        return None
    digit = bool(_DIGIT_AFTER.match(sentence.text, end))
    if len(word) == 1 and word.isupper() and not (plain == "p" and digit):
        return None
    if plain in TITLES and word[0].isupper() and not digit:
        return None
    return Reading(BEFORE_NUMBER[plain], end)


def _title(sentence: Sentence, word: str, end: int) -> Reading | None:
    plain = word.lower()
    if (
        plain in TITLES
        and _NAME_AFTER.match(sentence.text, end)
        and (word[0].isupper() or plain in TITLES_WITHOUT_STOP)
    ):
        return Reading(TITLES[plain], end)
    return None


def _after_name(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    plain = word.lower()
    if plain in AFTER_NAMES and word[0].isupper() and _NAME_BEFORE.search(sentence.behind(start)):
        return Reading(AFTER_NAMES[plain], end)
    return None


def _general(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    text, plain = sentence.text, word.lower()
    if word.isupper() and len(word) > 1:
        return None
    if plain in ALWAYS:
        return Reading(GENERAL[plain], end)
    if plain in SHORT_ALONE and word[0].isupper():
        return Reading(WRITTEN_SHORT[plain], end)
    if plain in ("v", "vs") and sentence.ahead(end).strip():
        return Reading("versus", end)
    if plain in TITLES_WITHOUT_STOP and plain not in ("st", "gen", "col"):
        return Reading(TITLES[plain], end)
    if plain == "sr":
        return Reading("senior", end)
    if plain in ("no", "nos") and sentence.after(end) == "of":
        return Reading(BEFORE_NUMBER[plain], end)
    if plain not in GENERAL or plain in _TOO_COMMON:
        return None
    if plain in _SURE or (_WORD_AFTER if plain in _COMMON else _ANY_AFTER).match(text, end):
        return Reading(GENERAL[plain], end)
    return Reading(GENERAL[plain], end) if word[0].isupper() and start == 0 and end < len(text) else None


def _without_stop(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    plain = word.lower()
    if plain in TITLES_WITHOUT_STOP and word.istitle() and _BARE_NAME_AFTER.match(sentence.text, end):
        return Reading(TITLES[plain], end)
    if plain in _NUMBERED_WITHOUT_STOP and _DIGIT_AFTER.match(sentence.text, end):
        return Reading(BEFORE_NUMBER[plain], end)
    if plain in _WITHOUT_STOP:
        return Reading(GENERAL[plain], end)
    if plain in ("jr", "sr") and word.istitle() and _NAME_BEFORE.search(sentence.behind(start)):
        return Reading(AFTER_NAMES[plain], end)
    if word == "No" and _DIGIT_AFTER.match(sentence.text, end) and not sentence.starts_at(start):
        return Reading("number", end)
    return None

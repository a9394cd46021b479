"""Reads streets and directions: Oak Dr., N. Broad St., 12 Elm Ave NW, Mt. Hood, Rte. 9."""

import re

from peewee_model.text.normalize.abbreviations import DIRECTIONS, ROADS, STREETS, TITLES
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_SHORT = re.compile(r"([A-Za-z]{1,6}|[NS]\.[EW])(\.?)(?![A-Za-z0-9'])")
_NAME_BEFORE = re.compile(r"(?:[A-Z][\w'-]+|\d+(?:st|nd|rd|th)|\b[A-Z]) $")
_HOUSE_BEFORE = re.compile(r"\d+ (?:[NSEW]\.? )?(?:[A-Z][\w'-]+ |\d+(?:st|nd|rd|th) ){0,3}$")
_NUMBER_BEFORE = re.compile(r"\d ?$")
_STREET_BEFORE = re.compile(r"\b(?:St|Ave|Rd|Street|Avenue|Road|Blvd|Boulevard)\.?,? $")
_STREET_AFTER = re.compile(
    r" \d+(?:st|nd|rd|th)\b| [A-Z].{0,24}\b(?:St|Ave|Rd|Dr|Blvd|Ln|Ct|Pl|Street|Avenue|Road|Drive|Main|Broad)\b"
)
_NAME_AFTER = re.compile(r" [A-Z][a-z]")
_CHURCH_AFTER = re.compile(r" [A-Z][a-z]+(?:'s)? ?(?:[Cc]hurch|Hospital|School|Cathedral|Island|College)")
_NOT_NAMES = words(
    "the a an of in at near from to and with by for on mr mrs ask see call told met said is was his her "
    "my our their i then when if but"
)
_AFTER_STREETS = words("and to in at from until was is on near runs has")
_DOUBTFUL = words("dr st pl ct est pt sta gr wk")
"""Titles, cities or words as well: before a name they are streets behind a house's number only."""
_SURE = words("ave blvd rd ln pkwy hwy st sq pl ct")
_RARE = words("sta wk str est pt gr pier prom tr")


def read_street(sentence: Sentence, start: int) -> Reading | None:
    """Read a street's, a place's or a direction's abbreviation."""
    match = _SHORT.match(sentence.text, start)
    if not match:
        return None
    word, stop, end = match[1], match[2], match.end()
    plain = word.lower()
    if plain in DIRECTIONS and word.isupper() and _is_direction(sentence, start, end, bool(stop)):
        return Reading(DIRECTIONS[plain], end)
    if plain in STREETS and (word.istitle() or (stop and plain in ("st", "ave", "blvd"))):
        behind_name = _is_street(sentence, start, plain, end) if stop else _is_bare_street(sentence, start, plain)
        if behind_name:
            return Reading(STREETS[plain], end)
    if (
        plain in ("mt", "ft", "pt")
        and word.istitle()
        and _NAME_AFTER.match(sentence.text, end)
        and (stop or plain != "pt")
    ):
        return Reading(ROADS[plain], end)
    return None


def _is_direction(sentence: Sentence, start: int, end: int, stop: bool) -> bool:
    behind = sentence.behind(start)
    if _HOUSE_BEFORE.search(behind) or _STREET_BEFORE.search(behind):
        return True
    return stop and bool(_STREET_AFTER.match(sentence.text, end) or _NUMBER_BEFORE.search(behind))


def _is_street(sentence: Sentence, start: int, plain: str, end: int) -> bool:
    behind = sentence.behind(start)
    if plain in ("fwy", "hwy", "expy") and _NUMBER_BEFORE.search(behind):
        return True
    if not _NAME_BEFORE.search(behind):
        return False
    name = sentence.before(start)
    if name in _NOT_NAMES or (name in TITLES and plain != "dr"):
        return False
    if plain == "st" and _CHURCH_AFTER.match(sentence.text, end):
        return False
    if plain in _DOUBTFUL and _NAME_AFTER.match(sentence.text, end):
        return bool(_HOUSE_BEFORE.search(behind)) or sentence.after(end).lower() in _AFTER_STREETS
    return plain not in ("est", "sta", "gr") or bool(_HOUSE_BEFORE.search(behind))


def _is_bare_street(sentence: Sentence, start: int, plain: str) -> bool:
    """Whether an abbreviation without its stop is a street: "5th Ave", "12 Elm Ln"."""
    behind = sentence.behind(start)
    if plain in _RARE or not _NAME_BEFORE.search(behind) or sentence.before(start) in _NOT_NAMES:
        return False
    return plain in _SURE or bool(_HOUSE_BEFORE.search(behind))

"""Reads the short names of months and weekdays."""

import re

from peewee_model.text.normalize.abbreviations import CALENDAR, MONTHS, WEEKDAYS
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_NAME = re.compile(r"([A-Z][A-Za-z]{2,4})(\.?)(?![A-Za-z0-9'])")
_RANGE = re.compile(r" ?(?:-|–) ?(?=([A-Z][a-z]{2,8})(?![a-z]))")
_AFTER_RANGE = re.compile(r"([A-Za-z]+)\.? ?[-–/] ?$")
_NUMBER_AFTER = re.compile(r",? \d|, [A-Z][a-z]{2,8}\.? \d|'\d|/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)")
_DATE_BEFORE = re.compile(
    r"(?:\b(?:in|on|by|of|since|until|till|from|to|through|every|next|last|this|each|early|late|mid|and|or|a|the)|"
    r"\d(?:st|nd|rd|th)?|\.,|[,-])[ -]?$"
)
_UNMISTAKABLE = words("tue tues wed weds thu thur thurs fri feb apr aug sept oct nov jul sep")
_SURE_WITH_STOP = _UNMISTAKABLE | words("mon dec")
_NAMES_OF_PEOPLE = words("jan mar sun mon dec")
_FULL = frozenset((*MONTHS, *WEEKDAYS))


def read_calendar_name(sentence: Sentence, start: int) -> Reading | None:
    """Read "Feb." and "Tues". Those that are words or names, "sat" and "Jan", need a stop or a number beside them."""
    match = _NAME.match(sentence.text, start)
    if not match or match[1].lower() not in CALENDAR:
        return None
    plain, stop, end = match[1].lower(), match[2], match.end()
    name = CALENDAR[plain]
    number_after = bool(_NUMBER_AFTER.match(sentence.text, end))
    if match[1].isupper() and not number_after:
        return None
    until = _RANGE.match(sentence.text, end)
    if until and is_calendar(until[1]):
        return Reading(f"{name} to", until.end())
    before = _AFTER_RANGE.search(sentence.behind(start))
    if before and is_calendar(before[1]):
        return Reading(name, end)
    dated = bool(_DATE_BEFORE.search(sentence.behind(start)))
    if stop:
        return Reading(name, end) if plain in _SURE_WITH_STOP or dated or end < len(sentence.text) else None
    return Reading(name, end) if number_after or (dated and plain not in _NAMES_OF_PEOPLE) else None


def is_calendar(word: str) -> bool:
    """Whether a word is a month's or a weekday's name, short or not."""
    return word.lower() in CALENDAR or word.lower() in _FULL

"""Reads times of day and durations."""

import re

from peewee_model.text.normalize.number_words import cardinal, pairs, short_year
from peewee_model.text.normalize.sentence import Reading, Sentence

_HALF = r"(?: ?([AaPp])(?:\. ?[Mm]\b\.?|[Mm]\b\.?))"
_CLOCK = r"(\d{1,2}):(\d{2})"
_HOURS = re.compile(rf"(\d{{1,2}}):(\d{{2}}):(\d{{2}})(?:[.,]\d+)?{_HALF}?(?![\w:])")
_TIME = re.compile(rf"{_CLOCK}{_HALF}?(?![\w:]|\.\d)")
_HOUR = re.compile(rf"(\d{{1,2}}){_HALF}(?!\w)")
_RANGE = re.compile(
    rf"(\d{{1,2}})(?::(\d{{2}}))?{_HALF}? ?(?:-|–) ?(\d{{1,2}})(?::(\d{{2}}))?{_HALF}?(?![\w:]|\.\d|[-/]\d)"
)
_MILITARY = re.compile(r"(\d{4})(?= (?:hours|hrs|h)\b)|(\d{4})(?=[hZ]\b)h?")
_O_CLOCK = re.compile(r"(\d{1,2}) ?(?=o'clock)")
_HALVES = re.compile(r"(?i)\d ?[ap]\.?m\b")
_RATIO_WORDS = re.compile(
    r"(?i)\b(?:ratios?|odds|scale|proportions?|dilut\w+|aspect|mix(?:ed|ture)?|outnumber\w*|"
    r"to \w+s (?:is|was|are|were|ratio|stands))\b"
)


def read_time(sentence: Sentence, start: int) -> Reading | None:
    """Read 6:45, 9am-5pm, 0600 hours or 1:22:47."""
    text = sentence.text
    if match := _HOURS.match(text, start):
        return _hours(match)
    if sentence.mentions(_RATIO_WORDS) and not sentence.mentions(_HALVES):
        return None
    match = _RANGE.match(text, start)
    if (
        match
        and (match[3] or match[6] or (match[2] and match[5]))
        and _valid(match[1], match[2])
        and _valid(match[4], match[5])
    ):
        first = _clock(match[1], match[2], match[3] or match[6])
        first = f"{first} {match[3].upper()} M" if match[3] else first
        last = _clock(match[4], match[5], match[6])
        return Reading(f"{first} to {last}" + (f" {match[6].upper()} M" if match[6] else ""), match.end())
    match = _TIME.match(text, start) or _HOUR.match(text, start)
    if match:
        minutes, half = (match[2], match[3]) if match.re is _TIME else (None, match[2])
        if _valid(match[1], minutes):
            return Reading(_clock(match[1], minutes, half) + (f" {half.upper()} M" if half else ""), match.end())
    if match := _MILITARY.match(text, start):
        return Reading(_military(match[1] or match[2]), match.end())
    if match := _O_CLOCK.match(text, start):
        return Reading(cardinal(match[1]), match.end())
    return None


def _valid(hour: str, minutes: str | None) -> bool:
    return int(hour) <= 24 and int(minutes or 0) <= 59


def _clock(hour: str, minutes: str | None, half: str | None) -> str:
    said = cardinal(str(int(hour)))
    if not minutes or (minutes == "00" and half):
        return said
    if minutes == "00":
        return f"{said} hundred" if int(hour) > 12 else "midnight" if int(hour) == 0 else f"{said} o'clock"
    return f"{said} {short_year(minutes)}"


def _hours(match: re.Match[str]) -> Reading:
    said = [cardinal(str(int(match[1])))] + [part for part in (_part(match[2]), _part(match[3])) if part]
    return Reading(" ".join(said) + (f" {match[4].upper()} M" if match[4] else ""), match.end())


def _part(number: str) -> str:
    return "zero zero" if number == "00" else short_year(number)


def _military(number: str) -> str:
    hour, minutes = number[:2], number[2:]
    head = f"oh {cardinal(hour[1])}" if hour[0] == "0" else cardinal(hour)
    return (
        f"{head} hundred" if minutes == "00" else f"{head} {short_year(minutes)}" if hour[0] == "0" else pairs(number)
    )

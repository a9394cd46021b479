"""Reads dates, years and decades."""

import re

from peewee_model.text.normalize.abbreviations import CALENDAR, MONTH_ABBREVIATIONS, MONTHS, WEEKDAYS
from peewee_model.text.normalize.grammar import is_plural_noun
from peewee_model.text.normalize.number_words import cardinal, decade, digits, ordinal, pairs, short_year, year
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_NAMES = "|".join(name.capitalize() for name in (*MONTHS, *MONTH_ABBREVIATIONS))
_MONTH = rf"(?:(?:{_NAMES})|(?:{_NAMES.upper()}))(?![a-z])"
_END = r"(?![\w/-]|[.,:]\d)"
_YEAR = r"(?:,? ([12]\d{3})(?![\w/]|[.,:]\d|-\d))"
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"

_SEASON = re.compile(r"(1[1-9]\d\d|20\d\d)/(\d{2})(?![\w/]|[.,]\d)")
_ISO = re.compile(rf"([12]\d{{3}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_END}")
_SLASHED = re.compile(rf"(\d{{1,2}})([/.-])(\d{{1,2}})\2([12]\d{{3}}|\d{{2}}){_END}")
_MONTH_DAY = re.compile(rf"(\d{{1,2}})/(\d{{1,2}}){_END}")
_MONTH_YEAR = re.compile(rf"(0?[1-9]|1[0-2])/([12]\d{{3}}){_END}")
_DAY_MONTH = re.compile(rf"{_DAY}(?: ?[-–] ?{_DAY})? (?:of )?({_MONTH})\.?{_YEAR}?")
_AFTER_MONTH = re.compile(rf"{_DAY}(?: ?[-–] ?{_DAY})?(?![\w%:/]|[.,:]\d| ?[$£€°%]|-\d){_YEAR}?(?!-\d)")
_SHORT_AFTER_MONTH = re.compile(r"'(\d{2})(?![\w'])")
_YEARS = re.compile(r"([12]\d{3}) ?[-–/] ?([12]\d{3}|\d{2})(?![\w/]|[.,:]\d|-\d)")
_DECADE = re.compile(r"'?((?:1\d|20)?\d0)'?s(?!\w|'\w)")
_SHORT = re.compile(r"'(\d{2})(?![\w'])")
_FOUR = re.compile(r"([12]\d{3})(?![\w/^]|[.,:]\d| ?[%°]|'?s\b)")
_ERA = re.compile(r"(\d{1,5}|\d,\d{3}) ?(?=(?:B\.? ?C|A\.? ?D|C\.? ?E)\b)")
_SHORT_DECADE_CUES = words("the his her their my our your mid early late in to and or s of")
_SECONDS_CUES = words("for after within wait takes took every last lasts about under over than least")
_DATE_CUES = words(
    "ends begins starts opens closes expires deadline birthday on by until till since due dated before "
    "after starting effective through from born"
).union(WEEKDAYS, CALENDAR)
_YEAR_CUES = words(
    """
    in since until till by before after during year circa early late mid from spring summer autumn fall winter
    through pre post est class copyright between established about around born died c ca anno domini ad a.d
    christmas easter
    """
).union(MONTHS, MONTH_ABBREVIATIONS)
_QUANTITY_CUES = words(
    """
    over nearly almost roughly than least most only some another exactly about approximately
    """
)


def read_date(sentence: Sentence, start: int) -> Reading | None:
    """Read 2023-11-08, 7/19/1994, 19 November 1916, and the number after a month: "May 3, 1999"."""
    text = sentence.text
    if match := _SEASON.match(text, start):
        return Reading(f"{year(match[1])} to {short_year(match[2])}", match.end())
    if match := _ISO.match(text, start):
        return _day_reading(match, match[3], match[4], match[1])
    if match := _SLASHED.match(text, start):
        month, day = (match[1], match[3]) if int(match[1]) <= 12 and match[2] != "." else (match[3], match[1])
        if len(match[4]) == 4 or match[2] == "/":
            return _day_reading(match, month, day, match[4])
    if match := _MONTH_YEAR.match(text, start):
        return Reading(f"{MONTHS[int(match[1]) - 1]} {year(match[2])}", match.end())
    if match := _MONTH_DAY.match(text, start):
        return _month_day(sentence, start, match)
    if match := _DAY_MONTH.match(text, start):
        return _day_of_month(sentence, start, match)
    return _after_month(sentence, start)


def read_decade(sentence: Sentence, start: int) -> Reading | None:
    """Read the 1970s, the '60s and his 30s."""
    match = _DECADE.match(sentence.text, start)
    if not match:
        return None
    sure = len(match[1]) == 4 or match[0][0] == "'" or "'" in match[0]
    before = sentence.before(start)
    described = sentence.after(match.end()).islower() and before not in _SECONDS_CUES
    if sure or (match[1] not in ("00", "10") and (before in _SHORT_DECADE_CUES or described)):
        return Reading(decade(match[1]), match.end())
    return None


def read_year(sentence: Sentence, start: int) -> Reading | None:
    """Read 1914-18, '99, 44 B.C., and a number that can be a year."""
    text = sentence.text
    if match := _SHORT.match(text, start):
        return Reading(short_year(match[1]), match.end())
    if (match := _YEARS.match(text, start)) and not sentence.has_equation:
        last = year(match[2]) if len(match[2]) == 4 else short_year(match[2])
        if len(match[2]) == 4 or int(match[2]) == (int(match[1]) + 1) % 100 or match[1][2:] < match[2]:
            return Reading(f"{year(match[1])} to {last}", match.end())
    if match := _ERA.match(text, start):
        return Reading(year(match[1].replace(",", "")), match.end())
    if (match := _FOUR.match(text, start)) and _is_year(sentence, start, match.end(), match[1]):
        return Reading(year(match[1]), match.end())
    return None


def _day_reading(match: re.Match[str], month: str, day: str, of_year: str) -> Reading | None:
    if not (1 <= int(month) <= 12 and 1 <= int(day) <= 31):
        return None
    said = year(of_year) if len(of_year) == 4 else short_year(of_year)
    return Reading(f"{MONTHS[int(month) - 1]} {ordinal(day)}, {said}", match.end())


def _month_day(sentence: Sentence, start: int, match: re.Match[str]) -> Reading | None:
    month, day = int(match[1]), int(match[2])
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    following = sentence.after(match.end()).lower()
    if match[0] == "9/11" and following not in ("of", "cup", "inch"):
        return Reading("nine eleven", match.end())
    if following in ("of", "cup", "cups", "inch", "inches", "mile", "full"):
        return None
    cue = _CUE_BEFORE.search(sentence.behind(start))
    if (cue and cue[1].lower()) not in _DATE_CUES and day not in _DAYS_ONLY:
        return None
    return Reading(f"{MONTHS[month - 1]} {ordinal(match[2])}", match.end())


_CUE_BEFORE = re.compile(r"([A-Za-z]+)[.,]{0,2} $")
_DAYS_ONLY = frozenset((13, 14, 15, 17, 18, 19, *range(21, 32)))
"""Days of a month that are seldom the lower part of a fraction."""


def _month_name(written: str) -> str:
    plain = written.lower()
    return MONTH_ABBREVIATIONS.get(plain, plain)


def _day_of_month(sentence: Sentence, start: int, match: re.Match[str]) -> Reading | None:
    if not 1 <= int(match[1]) <= 31 or sentence.before(start) in _MONTHS_AND_SHORT:
        return None
    the = "" if sentence.before(start) == "the" else "the "
    until = f" to {ordinal(match[2])}" if match[2] else ""
    at_year = f", {year(match[4])}" if match[4] else ""
    return Reading(f"{the}{ordinal(match[1])}{until} of {_month_name(match[3])}{at_year}", match.end())


_MONTHS_AND_SHORT = frozenset((*MONTHS, *MONTH_ABBREVIATIONS))


def _after_month(sentence: Sentence, start: int) -> Reading | None:
    before = sentence.written_before(start)
    if before.lower() not in _MONTHS_AND_SHORT or not before[0].isupper():
        return None
    if match := _SHORT_AFTER_MONTH.match(sentence.text, start):
        return Reading(short_year(match[1]), match.end())
    match = _AFTER_MONTH.match(sentence.text, start)
    if match and 1 <= int(match[1]) <= 31:
        until = f" to {ordinal(match[2])}" if match[2] else ""
        at_year = f", {year(match[3])}" if match[3] else ""
        return Reading(f"{ordinal(match[1])}{until}{at_year}", match.end())
    return None


def _is_year(sentence: Sentence, start: int, end: int, number: str) -> bool:
    before, following = sentence.before(start), sentence.after(end)
    adjacent = sentence.text[end : end + 1] in (" ", "-")
    counted = adjacent and is_plural_noun(following)
    if sentence.has_equation or (before[:1].isdigit() and len(before.rstrip(",")) != 4):
        return False
    if before in _QUANTITY_CUES and adjacent and following.islower() and following:
        return not counted and following in ("and", "or", "to", "when", "by", "in", "the", "as", "but", "until")
    if before in _YEAR_CUES or (before and before in ("of", "the", "to", "and", "or", "a", "this")):
        return (
            not (
                counted
                and (
                    before not in ("in", "since", "the", "from", "pre", "post", "mid", "early", "late")
                    or following == "people"
                )
            )
            and number[:2] != "10"
        ) or before == "in"
    return not counted and "1100" <= number <= "2099"


def say_code_year(number: str) -> str:
    """Say a number inside a name: a year as a year, others in pairs or digit by digit."""
    if len(number) == 4 and "1100" <= number <= "2099":
        return year(number)
    if len(number) <= 2 and number[0] != "0":
        return cardinal(number)
    return pairs(number) if len(number) in (3, 4) and number[0] != "0" else digits(number, "oh")

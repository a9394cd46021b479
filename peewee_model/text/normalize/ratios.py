"""Reads two numbers with a sign between them: fractions, ratings, scores, ratios and ranges."""

import re

from peewee_model.text.normalize.number_words import NUMBER, amount, cardinal, fraction, mixed
from peewee_model.text.normalize.sentence import Reading, Sentence

_FRACTION = re.compile(r"(?:(\d+)(?: |-(?=\d+/)))?(\d{1,15})/(\d{1,15})(?![\w/]|[.,]\d)")
_RATING = re.compile(rf"({NUMBER})/(\d{{1,4}})(?![\w/]|[.,]\d)")
_DIVISION = re.compile(rf"({NUMBER}) ?/ ?({NUMBER})(?![\w/])")
_METER = re.compile(
    r"(\d{1,2})/(\d{1,2}) (?=(?:time|meter|metre|signature|beat|rhythm|bar|bars|waltz|march|groove|feel|tempo)\b)"
)
_PAIRS = frozenset(("20/20", "50/50", "24/7", "60/40", "70/30", "80/20", "9/11", "40/60", "30/70"))
_RATING_WORDS = re.compile(
    r"(?i)\b(?:rat(?:e|ed|es|ing|ings)|scor(?:e|ed|es|ing)|gave|gives?|grad(?:e|ed)|marks?|critics?|review(?:s|ers|ed)?|points?|stars?|quiz|"
    r"test|exam|pain|got|earned|awarded|solid|perfect)\b"
)
_COLON = re.compile(r"(\d{1,5}(?:\.\d+)?):(\d{1,5}(?:\.\d+)?)(?:(:)(\d{1,5}))?(?![\w:])")
_ODDS = re.compile("(?i)odds|ratio of")
_DASH = re.compile(rf"({NUMBER})( ?)(-|–)( ?)({NUMBER})(?![\w/]|[-–:]\d|\.\d)")
_SERIES = re.compile(r"\d{1,2}(?:[-–]\d{1,2}){2,4}(?![\w/-])")


def read_fraction(sentence: Sentence, start: int) -> Reading | None:
    """Read 1/2, 3 1/2, 3/4 time, 8/10 as a rating, 20/20 and 6/2 = 3."""
    text = sentence.text
    if match := _METER.match(text, start):
        return Reading(f"{cardinal(match[1])} {cardinal(match[2])}", match.end() - 1)
    if sentence.has_equation and (match := _DIVISION.match(text, start)):
        return Reading(f"{cardinal(match[1])} divided by {cardinal(match[2])}", match.end())
    match = _RATING.match(text, start)
    if match and (match[0] in _PAIRS or sentence.after(match.end()) in ("vision", "eyesight", "sight")):
        return Reading(f"{cardinal(match[1])} {cardinal(match[2])}", match.end())
    if match and _is_rating(sentence, match):
        return Reading(f"{cardinal(match[1])} out of {cardinal(match[2])}", match.end())
    match = _FRACTION.match(text, start)
    if not match:
        division = _DIVISION.match(text, start)
        return (
            Reading(f"{cardinal(division[1])} divided by {cardinal(division[2])}", division.end())
            if division and " " in division[0]
            else None
        )
    if match[1]:
        return Reading(mixed(match[1], match[2], match[3]), match.end())
    return Reading(fraction(match[2], match[3]), match.end())


def _is_rating(sentence: Sentence, match: re.Match[str]) -> bool:
    below, following = match[2], sentence.after(match.end())
    if "." in match[1]:
        return True
    if following in (
        "of",
        "cup",
        "cups",
        "inch",
        "inches",
        "mile",
        "miles",
        "teaspoon",
        "tablespoon",
        "pound",
        "full",
        "finished",
    ):
        return False
    if following in ("stars", "star", "points", "rating", "score"):
        return True
    if below in ("10", "100") and (int(match[1]) <= int(below)):
        return match[1] != "1" or sentence.mentions(_RATING_WORDS)
    return below in ("5", "20", "25", "30", "40", "50", "60") and sentence.mentions(_RATING_WORDS)


def read_ratio(sentence: Sentence, start: int) -> Reading | None:
    """Read 3:1 and 16:9."""
    match = _COLON.match(sentence.text, start)
    if not match or (match[3] and not match[4]):
        return None
    if sentence.before(start)[:1].isupper() and len(match[2]) > 1:
        return None
    joint = (
        " by "
        if match[0] in ("16:9", "4:3", "21:9", "3:2", "16:10", "9:16") and not sentence.mentions(_ODDS)
        else " to "
    )
    return Reading(joint.join(amount(part) for part in (match[1], match[2], match[4]) if part), match.end())


def read_range(sentence: Sentence, start: int) -> Reading | None:
    """Read 6-12, 20 – 30, 4-4-2, a 3-2 win, and 9 - 4 as a subtraction."""
    text = sentence.text
    if match := _SERIES.match(text, start):
        return Reading(" ".join(cardinal(part) for part in re.split("[-–]", match[0])), match.end())
    match = _DASH.match(text, start)
    if not match or match[2] != match[4]:
        return None
    first, last = match[1], match[5]
    falling = float(first.replace(",", "")) > float(last.replace(",", ""))
    following = sentence.after(match.end())
    if sentence.has_equation or (
        match[2] and match[3] == "-" and (falling or following in ("is", "equals", "leaves", "makes", "gives"))
    ):
        return Reading(f"{cardinal(first)} minus {cardinal(last)}", match.end())
    joint = " " if _is_set(sentence, match) else " to "
    return Reading(f"{cardinal(first)}{joint}{cardinal(last)}", match.end())


def _is_set(sentence: Sentence, match: re.Match[str]) -> bool:
    """Whether a score is one of several: 6-4, 6-3."""
    return bool(
        re.search(r"\d-\d{1,2}, (?:and )?$", sentence.behind(match.start()))
        or re.match(r", (?:and )?\d{1,2}-\d", sentence.ahead(match.end()))
    )

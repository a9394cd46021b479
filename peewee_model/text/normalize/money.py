"""Reads amounts of money."""

import re

from peewee_model.text.normalize.currencies import CODES, SCALES, SIGNS, Currency
from peewee_model.text.normalize.grammar import NO_NOUNS, describes_noun
from peewee_model.text.normalize.number_words import NUMBER, cardinal
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_SIGN = "|".join(re.escape(sign) for sign in sorted(SIGNS, key=len, reverse=True))
_CODE = "|".join(CODES)
_AMOUNT = rf"({NUMBER}|\.\d+)"
_WORD_SCALE = "hundred|thousand|million|billion|trillion|bn|mn|mln|bln|tn|mil"
_SCALE = rf"(?:[ -]?({_WORD_SCALE}|[kKmMbBT]|MM|mm)(?![A-Za-z]))?"
_TO = r"(?: ?(?:-|–) ?| to )"
_BEFORE = re.compile(
    rf"(-)?({_SIGN}|(?:{_CODE})(?= ?\d)) ?(-)?{_AMOUNT}{_SCALE}"
    rf"(?:{_TO}(?:{_SIGN})?{_AMOUNT}{_SCALE}(?![\d:]))?(?: (?:{_CODE})\b)?(-?)"
)
_AFTER = re.compile(rf"(-)?{_AMOUNT}{_SCALE}(?:{_TO}{_AMOUNT}{_SCALE})? ?(?:([€£¥₹₽₩$])(?! ?\d)|({_CODE})\b(?! ?\d))")
_CENTS = re.compile(rf"({NUMBER})(?: ?¢)")
_PER = re.compile(r"/([A-Za-z]+)\b\.?(?!/)")
_PER_NAMES = {
    "hr": "hour", "h": "hour", "mo": "month", "yr": "year", "wk": "week", "lb": "pound", "gal": "gallon",
    "sq": "square", "mi": "mile", "oz": "ounce", "kg": "kilogram", "doz": "dozen", "ea": "each", "min": "minute",
    "pc": "piece", "km": "kilometer", "g": "gram", "ft": "foot", "yd": "yard", "l": "liter", "L": "liter",
    "kWh": "kilowatt hour", "GB": "gigabyte", "pp": "person", "y": "year", "d": "day", "sqft": "square foot",
    "bbl": "barrel", "t": "ton", "m": "meter",
}  # fmt: skip
_NOUNS = words(
    """
    bill bills note notes coin coins prize fine fee fees ticket tickets check checks cheque gift tip deal deposit
    bonus bet
    """
)


def read_money(sentence: Sentence, start: int) -> Reading | None:
    """Read $5, -$40, US$5, $2bn, $5-10 million, 20€ or 50¢, and "/month" behind it."""
    text = sentence.text
    match = _BEFORE.match(text, start)
    if match:
        currency = SIGNS.get(match[2]) or CODES[match[2]]
        minus, first, scale, last, last_scale, hyphen = (
            match[1] or match[3],
            match[4],
            match[5],
            match[6],
            match[7],
            match[8],
        )
    else:
        match = _AFTER.match(text, start)
        if not match:
            return _cents(sentence, start)
        currency = SIGNS.get(match[6]) or CODES[match[7]]
        minus, first, scale, last, last_scale, hyphen = match[1], match[2], match[3], match[4], match[5], ""
    end = match.end() - len(hyphen)
    single = _describes(sentence, start, end, bool(hyphen))
    if last:
        said = f"{_number(first, scale if scale != last_scale else None)} to {_say(last, last_scale, currency, single)}"
    else:
        said = _say(first, scale, currency, single)
    return _with_per(text, f"minus {said}" if minus else said, end)


def _cents(sentence: Sentence, start: int) -> Reading | None:
    match = _CENTS.match(sentence.text, start)
    if not match:
        return None
    one = match[1] == "1" or _describes(sentence, start, match.end(), False)
    return _with_per(sentence.text, f"{cardinal(match[1])} {'cent' if one else 'cents'}", match.end())


def _with_per(text: str, said: str, end: int) -> Reading:
    per = _PER.match(text, end)
    if not per:
        return Reading(said, end)
    name = _PER_NAMES.get(per[1], per[1].lower())
    return Reading(f"{said} each" if name == "each" else f"{said} per {name}", per.end())


def _describes(sentence: Sentence, start: int, end: int, hyphen: bool) -> bool:
    following = sentence.after(end)
    adjacent = sentence.text[end : end + 1] == " "
    if hyphen:
        return following not in NO_NOUNS or following == "a"
    return describes_noun(sentence.before(start), following, adjacent) or (adjacent and following in _NOUNS)


def _number(number: str, scale: str | None) -> str:
    return cardinal(number) + (f" {SCALES[scale]}" if scale else "")


def _say(number: str, scale: str | None, currency: Currency, single: bool) -> str:
    one, many, cent, cents = currency
    if scale:
        return f"{_number(number, scale)} {one if single else many}"
    whole, _, part = number.replace(",", "").partition(".")
    if len(part) != 2 and not (len(part) > 2 and not int(part[2:])):
        return f"{_number(number, None)} {one if number == '1' or single else many}"
    part = part[:2]
    amounts = []
    if int(part) == 0 or whole.strip("0"):
        amounts.append(f"{cardinal(whole or '0')} {one if whole == '1' or single else many}")
    if int(part):
        amounts.append(f"{cardinal(str(int(part)))} {cent if int(part) == 1 or single else cents}")
    return " and ".join(amounts)

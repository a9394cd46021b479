"""Reads signs: mathematics, "&", "#", "+" and "/" between words."""

import re

from peewee_model.text.normalize.calendar_names import is_calendar
from peewee_model.text.normalize.number_words import cardinal, digits, ordinal
from peewee_model.text.normalize.sentence import DASH, Reading, Sentence
from peewee_model.text.normalize.units import AFTER_SLASH

_COMPARED = {
    "<=": "is less than or equal to", ">=": "is greater than or equal to", "!=": "is not equal to", "==": "equals",
    "===": "equals", "=>": "", "->": "", "<-": "", "-->": "", "<->": "", "<3": "love", "<": "less than",
    ">": "greater than", "=": "equals", "~=": "is approximately", "+/-": "plus or minus", ":=": "equals", "&&": "and",
    "||": "or", "++": "plus plus", "**": "to the power of",
}  # fmt: skip
_OPERATOR = re.compile(r"<3(?!\d)|<->|-->|->|<-(?!\d)|=>|<=|>=|!=|===?|~=|:=|\+/-|&&|\|\||\*\*|[<>=]")
_POWER = re.compile(r"\^\(?(-?)(\d+|[a-z])\)?")
_NUMBER_SIGN = re.compile(r"#(?=\d)")
_LANGUAGE = re.compile(r"([A-Za-z])(\+\+|#)(?![A-Za-z0-9])")
_GRADE = re.compile(r"([A-F])([+-])(?=$|[\s.,;:!?)\"'])")
_NOTE = re.compile(r"([A-G])([#b])(?=m?\b(?: (?:major|minor|flat|sharp|scale|chord|key|note)|\d|[.,]|$))")
_INITIALS = re.compile(r"[A-Z](?:(?:/|&)[A-Z])+(?![A-RT-Za-rt-z])|([A-Z]{1,3})&([A-Z]{1,3})(?![A-Za-z])")
_PLURAL = re.compile("'?s(?![A-Za-z])")
_LETTER_RANGE = re.compile(r"([A-HJ-Z])[-–]([B-Z])(?![A-Za-z0-9.-])")
_PER = re.compile(
    r"/(s|sec|min|h|hr|hour|d|day|wk|week|mo|month|yr|year|minute|second|person|night|lb|kg|gallon|mile|liter|student|page)\b\.?"
)
_MUSIC = {"#": "sharp", "b": "flat"}


def read_sign(sentence: Sentence, start: int) -> Reading | None:
    """Read what starts with a sign."""
    text = sentence.text
    character = text[start]
    if match := _OPERATOR.match(text, start):
        return Reading(_COMPARED.get(match[0], ""), match.end())
    if character == "^":
        return _power(text, start)
    if character == "/":
        return _slash(sentence, start)
    if character in "-–":
        return _minus(sentence, start)
    if character == "#":
        return Reading("number" if _NUMBER_SIGN.match(text, start) else "hash", start + 1)
    if character == "*":
        numeric = re.search(r"[\w)] ?$", text[max(0, start - 2) : start]) and re.match(
            r" ?[\w(]", sentence.ahead(start + 1)
        )
        star = re.match(r"\d", sentence.ahead(start + 1))
        return Reading("times" if numeric else "star" if star else "", start + 1)
    if character == "~":
        return Reading("about" if re.match(r" ?[$£€]?\d", sentence.ahead(start + 1)) else "", start + 1)
    if character == "×":
        return Reading("times", start + 1)
    return Reading(_SIGNS[character], start + 1) if character in _SIGNS else None


_SIGNS = {
    "&": "and", "+": "plus", "@": "at", "%": "percent", "°": "degrees", "÷": "divided by", "$": "dollars",
    "£": "pounds", "€": "euros", "¥": "yen", "₹": "rupees", "¢": "cents", "₩": "won", "₽": "rubles", "₿": "bitcoin",
    "₪": "shekels", "₱": "pesos", "₦": "naira", "₺": "lira", "₫": "dong", "₴": "hryvnias", "µ": "micro", "Ω": "ohms",
    "\\": "", "_": "", "|": ",",
}  # fmt: skip


def _power(text: str, start: int) -> Reading:
    match = _POWER.match(text, start)
    if not match:
        return Reading("", start + 1)
    if match[2].isdigit() and not match[1]:
        said = {"2": "squared", "3": "cubed"}.get(match[2]) or f"to the {ordinal(match[2])}"
    else:
        said = f"to the {'minus ' if match[1] else ''}{cardinal(match[2]) if match[2].isdigit() else match[2]}"
    return Reading(said, match.end())


def _slash(sentence: Sentence, start: int) -> Reading:
    text = sentence.text
    if (
        (match := _PER.match(text, start))
        and re.search(r"[a-z]$", text[start - 1 : start])
        and re.search(r"\d[\d,.]* ?[A-Za-z]+$", text[max(0, start - 30) : start])
    ):
        return Reading(f"per {AFTER_SLASH.get(match[1], match[1])}", match.end())
    if sentence.has_equation and re.search(r"[\w)] ?$", text[max(0, start - 2) : start]):
        return Reading("over" if text[start - 1].isalpha() else "divided by", start + 1)
    return Reading("", start + 1)


def _minus(sentence: Sentence, start: int) -> Reading | None:
    text = sentence.text
    before, after = text[start - 1 : start], text[start + 1 : start + 2]
    if (
        before.isalpha()
        and after.isalpha()
        and is_calendar(sentence.before(start))
        and is_calendar(sentence.after(start + 1))
    ):
        return Reading("to", start + 1)
    if text[start] == "–":
        return None
    if before in ("", " ", "(", "=", "$", '"', "^") and re.match(r"\.?\d|[£$€]\d", sentence.ahead(start + 1)):
        return Reading("minus", start + 1)
    if before == " " and after == " ":
        left = re.search(r"(?:\b[A-Za-z]|\d|\)) $", text[max(0, start - 3) : start])
        right = re.match(r" (?:[A-Za-z]\b|\d|\()", sentence.ahead(start + 1))
        if left and right and (sentence.has_equation or (text[start - 2].isdigit() and text[start + 2].isdigit())):
            return Reading("minus", start + 1)
        return Reading(DASH, start + 1)
    return Reading(DASH if "-" in (after, before) or (after == " " and before == " ") else "", start + 1)


def read_signed_letters(sentence: Sentence, start: int) -> Reading | None:
    """Read letters with signs: C++, F# minor, A+, R&D, AC/DC."""
    text = sentence.text
    if match := _GRADE.match(text, start):
        return Reading(f"{match[1]} {'plus' if match[2] == '+' else 'minus'}", match.end())
    if match := _NOTE.match(text, start):
        return Reading(f"{match[1]} {_MUSIC[match[2]]}", match.end())
    if match := _LANGUAGE.match(text, start):
        return Reading(f"{match[1].upper()} {'plus plus' if match[2] == '++' else 'sharp'}", match.end())
    if match := _LETTER_RANGE.match(text, start):
        return Reading(f"{match[1]} to {match[2]}", match.end())
    if match := _INITIALS.match(text, start):
        letters = match[0].replace("&", " and ").replace("/", " ")
        plural = _PLURAL.match(text, match.end())
        said = " ".join(part if part == "and" else " ".join(part) for part in letters.split())
        return Reading(f"{said}'s" if plural else said, plural.end() if plural else match.end())
    return None


def read_bare_digits(sentence: Sentence, start: int) -> Reading | None:
    """Read a point before digits: .5."""
    match = re.compile(r"\.(\d+)").match(sentence.text, start)
    return Reading(f"point {digits(match[1])}", match.end()) if match else None

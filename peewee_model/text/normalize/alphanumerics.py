"""Reads digits and letters that are written together: 3rd, 300k, 4G, MP3, W-2, COVID-19."""

import re

from peewee_model.text.normalize.currencies import SCALES
from peewee_model.text.normalize.grammar import is_plural_noun
from peewee_model.text.normalize.identifiers import say_name_number
from peewee_model.text.normalize.letters import spell
from peewee_model.text.normalize.number_words import NUMBER, cardinal, digits, ordinal
from peewee_model.text.normalize.sentence import Reading, Sentence, joined
from peewee_model.text.normalize.word_lists import ACRONYMS

_ORDINAL = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th|ST|ND|RD|TH|d(?= (?:Street|Ave|St\b)))(?![A-Za-z0-9])")
_SCALED = re.compile(rf"({NUMBER})( ?)(k|K|M|mn|bn|B|m|b|tn|T)(\+?)(?![\w])")
_PLURAL = re.compile(r"(\d{1,4})'?s(?![\w'])")
_NINERS = re.compile(r"(\d{1,4})-?(ers?)(?![A-Za-z0-9])")
_DIGITS_LETTERS = re.compile(r"(\d{1,4})-?([A-Za-z]{1,3}\d?)(?![A-Za-z0-9'])")
_LETTERS_DIGITS = re.compile(
    r"([A-Za-z]{1,6})(-?)(\d{1,6})((?!s(?![A-Za-z]))[A-Za-z])?((?:-\d{1,4})?)('?s)?(?![A-Za-z0-9])"
)
_CHEMICAL = re.compile(r"(?:[A-Z][a-z]?\d{0,2}){2,6}(?![A-Za-z0-9-])")
_SERIAL = re.compile(r"(?=[A-Za-z-]{0,32}\d)(?=[\d-]{0,32}[A-Za-z])[A-Z0-9]{1,8}(?:-[A-Z0-9]{1,8}){0,5}(?![\w])")
_PARAGRAPH = re.compile(r"\d{1,4}(?:\((?:[a-z]|\d{1,2})\))+")
_ROUND = {"10": "ten", "100": "hundred", "1000": "thousand"}
_CHUNK = re.compile(r"\d+|[A-Za-z]")


def read_ordinal(sentence: Sentence, start: int) -> Reading | None:
    """Read 3rd and 1,000th."""
    match = _ORDINAL.match(sentence.text, start)
    return Reading(ordinal(match[1]), match.end()) if match else None


def read_scaled(sentence: Sentence, start: int) -> Reading | None:
    """Read 300k homes, 1.2M followers and 8B people."""
    text = sentence.text
    match = _SCALED.match(text, start)
    if not match or (match[2] and match[3] not in ("mn", "bn", "tn")):
        return None
    counted = is_plural_noun(sentence.after(match.end())) or "." in match[1] or match[4]
    if match[3] in "mbT" and not (is_plural_noun(sentence.after(match.end())) and match[3] != "T"):
        return None
    if match[3] in "KMB" and not counted and not (match[3] != "B" and len(match[1]) > 2) and match[3] != "M":
        return None
    plus = " plus" if match[4] else ""
    return Reading(f"{cardinal(match[1])} {SCALES[match[3]]}{plus}", match.end())


def read_digits_letters(sentence: Sentence, start: int) -> Reading | None:
    """Read apartment 2A, 4G, 3D, 1080p, two 5s."""
    text = sentence.text
    if match := _PARAGRAPH.match(text, start):
        parts = re.findall(r"\d+|[a-z]", match[0])
        return Reading(
            " ".join(say_name_number(part) if part.isdigit() else spell(part) for part in parts), match.end()
        )
    if match := _PLURAL.match(text, start):
        said = _ROUND.get(match[1]) or say_name_number(match[1])
        plural = {"y": said[:-1] + "ies", "x": said + "es"}.get(said[-1], said + "s")
        return Reading(plural, match.end())
    if match := _NINERS.match(text, start):
        said = cardinal(match[1])
        return Reading(said + match[2].removeprefix("e" if said.endswith("e") else ""), match.end())
    if match := _DIGITS_LETTERS.match(text, start):
        letters = match[2]
        if "-" in match[0] and (letters.islower() or len(letters) > 2):
            return None
        single = letters if letters.isupper() or len(letters) == 1 else letters.lower()
        known = single.lower() in ("up", "th", "day", "way", "ply", "pm", "am", "man", "mil", "ish", "odd", "ft")
        tail = single.lower() if known and single.islower() else spell(single)
        return Reading(joined(say_name_number(match[1]), tail), match.end())
    match = _SERIAL.match(text, start)
    return Reading(_serial(match[0]), match.end()) if match else None


def read_letters_digits(sentence: Sentence, start: int) -> Reading | None:
    """Read B12, A4, MP3s, W-2, COVID-19, H2O and R2-D2."""
    text = sentence.text
    match = _LETTERS_DIGITS.match(text, start)
    if match:
        letters, hyphen, number, last, more, plural = match.groups()
        if hyphen and len(letters) > 1 and not letters.isupper():
            return None  # Pre-1950, mid-1990s, Catch-22: a word and a number
        said = joined(_letters(letters, hyphen, number), _number(number, letters), spell(last.upper()) if last else "")
        if more:
            said = f"{said} {say_name_number(more[1:])}"
        if plural:
            said += plural if plural == "'s" else "es" if said[-1] == "x" else "s"
        return Reading(said, match.end())
    if (match := _CHEMICAL.match(text, start)) and re.search(r"\d", match[0]):
        return Reading(_serial(match[0]), match.end())
    match = _SERIAL.match(text, start)
    return Reading(_serial(match[0]), match.end()) if match else None


def _letters(letters: str, hyphen: str, number: str) -> str:
    if letters.upper() in ACRONYMS or (letters[0].isupper() and letters[1:].islower() and len(letters) > 2):
        return letters.lower()
    if letters.islower() and (len(letters) > 4 or (hyphen and len(letters) > 1)):
        return letters
    if letters.isupper() and len(letters) > 4 and hyphen:
        return letters.lower()
    return "i" if letters == "I" else spell(letters)


def _number(number: str, letters: str) -> str:
    if letters.upper() in ("CO", "H", "O", "N", "CH", "NH", "SO", "NO") and len(number) == 1:
        return digits(number)
    return say_name_number(number)


def _serial(written: str) -> str:
    return " ".join(
        say_name_number(part) if part.isdigit() else spell(part.upper()) for part in _CHUNK.findall(written)
    )

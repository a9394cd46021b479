"""Reads a sentence from left to right: which readers are asked at each place, and in which order."""

import re

from peewee_model.text.normalize.abbreviations import ABBREVIATIONS
from peewee_model.text.normalize.alphanumerics import (
    read_digits_letters,
    read_letters_digits,
    read_ordinal,
    read_scaled,
)
from peewee_model.text.normalize.calendar_names import read_calendar_name
from peewee_model.text.normalize.dates import read_date, read_decade, read_year
from peewee_model.text.normalize.electronic import read_address, read_code_name, read_path, read_tag
from peewee_model.text.normalize.expansions import read_abbreviation
from peewee_model.text.normalize.identifiers import read_code, read_plain_number, read_telephone, read_version
from peewee_model.text.normalize.latin import read_latin
from peewee_model.text.normalize.letters import read_consonants, read_dotted, read_initial, read_initials, read_letter
from peewee_model.text.normalize.measures import read_measure, read_size, read_temperature
from peewee_model.text.normalize.money import read_money
from peewee_model.text.normalize.places import WRITTEN_SHORT, read_state
from peewee_model.text.normalize.ratios import read_fraction, read_range, read_ratio
from peewee_model.text.normalize.romans import read_roman
from peewee_model.text.normalize.sentence import DASH, PRIVATE, Reader, Sentence
from peewee_model.text.normalize.signs import read_bare_digits, read_sign, read_signed_letters
from peewee_model.text.normalize.streets import read_street
from peewee_model.text.normalize.times import read_time

_AT_DIGIT: tuple[Reader, ...] = (
    read_address, read_telephone, read_date, read_time, read_version, read_code, read_money, read_temperature,
    read_ordinal, read_decade, read_size, read_measure, read_fraction, read_scaled, read_ratio, read_year, read_range,
    read_digits_letters, read_plain_number,
)  # fmt: skip
_AT_LETTER: tuple[Reader, ...] = (
    read_latin, read_address, read_path, read_code_name, read_money, read_signed_letters, read_state, read_dotted,
    read_calendar_name, read_street, read_abbreviation, read_initial, read_roman, read_letters_digits, read_consonants,
    read_initials, read_letter,
)  # fmt: skip
_AT_SIGN: tuple[Reader, ...] = (
    read_telephone, read_path, read_code_name, read_tag, read_money, read_temperature, read_decade, read_year,
    read_measure, read_address, read_sign, read_bare_digits,
)  # fmt: skip

_PLAIN = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z](?='(?!s\b)[A-Za-z]))(?:'[A-Z]?[a-z]+)*(?=[ ,;:!?]|\.?$)")
_WORD = re.compile(r"[A-Za-z]+(?:'[A-Za-z]+)*")
_SPECIAL = re.compile(
    "(?:[bcdfghjklmnpqrstvwxz]{2,5}|Mrs?|M[sx]|Drs?|St|Prof|Sgt|Capt|Gen|Col|Maj|Lt|Cpl|Pvt|Sen|Gov|Rev|Mme|Adm|Messrs|Cmdr|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|Mon|Tues?|"
    "Wed|Weds|Thu|Thurs?|Fri|Sat|Sun|Ave|Av|Blvd|Rd|Ln|Ct|Pl|Sq|Pkwy|Hwy|Ter|Cir|Trl|Ft|Mt|Jr|Sr|Rte|Ste|Rm|No|pp|vs|approx|etc|nos|vol|et|ca|hwy|dept|apt|a|"
    "govt|assn|mgmt|mins|hrs|yrs|incl|avg|https?|ftp|mailto|localhost|[A-Za-z]|Ala|Ga|Pa|Me|Md|Va|Vt|Mo|La|Ky|Nos|figs|v|pH|ft)"
)
_CUT_SHORT = ABBREVIATIONS.union(WRITTEN_SHORT)
_MARK = re.compile(f"[{DASH}{PRIVATE}]")
_MARKS = frozenset("!,.:;?")
_QUOTES = frozenset("\"'")


def read(sentence: Sentence) -> str:
    """Say a sentence: words, and its punctuation not yet tidied."""
    text = sentence.text
    said: list[str] = []
    position = 0
    last = len(text) - 1 if text.endswith(".") else -1  # a word there may be an abbreviation
    while position < len(text):
        match = _PLAIN.match(text, position)
        if match and not _SPECIAL.fullmatch(match[0]) and not (match.end() == last and match[0].lower() in _CUT_SHORT):
            said += (" ", match[0].lower())
            position = match.end()
            continue
        character = text[position]
        if character == " ":
            said.append(" ")
            position += 1
            continue
        position = _read_at(sentence, position, said)
    return "".join(said)


def _read_at(sentence: Sentence, position: int, said: list[str]) -> int:
    text = sentence.text
    character = text[position]
    digit, letter = character.isdigit(), character.isalpha()
    for reader in _AT_DIGIT if digit else _AT_LETTER if letter else _AT_SIGN:
        reading = reader(sentence, position)
        if reading:
            said += (" ", reading.spoken, " " if text[reading.end : reading.end + 1].isalnum() else "")
            return reading.end
    if letter and (match := _WORD.match(text, position)):
        said += (" ", match[0].lower())
        return match.end()
    if character in "()":
        said.append(", ")
    elif _MARK.match(character):
        said.append(f"{character} ")
    elif character in _MARKS:
        said.append(character)
    else:
        said.append(" ")
    return position + 1

"""Converts written text to spoken text: lower-case words, and the punctuation that changes how a voice reads.

`normalize` returns only symbols of `symbols.GRAPHEMES`, or raises a TextError that names the characters that it can't
convert. Normalising a normalised text changes nothing. English only. Not done: Roman numerals, and words spelled alike
and said differently.
"""

import re

from peewee_model.errors import TextError
from peewee_model.text.normalize.abbreviations import expand_abbreviations, spell_addresses
from peewee_model.text.normalize.characters import fold
from peewee_model.text.normalize.numbers import spell_numbers

MAX_CHARACTERS = 100_000
"""Of a text and of its normal form: about two hours of speech."""

_SAID = {"&": " and ", "+": " plus ", "=": " equals ", "@": " at ", "#": " number ", "%": " percent ", "°": " degrees ",
         "<": " less than ", ">": " more than ", "/": " ", "–": ", ", "(": ", ", ")": ", ", '"': " ",
         "$": " dollars ", "£": " pounds ", "€": " euros ", "¥": " yen ", "₹": " rupees "}  # fmt: skip
_SIGNS = re.compile("[" + re.escape("".join(_SAID)) + "]")
_MAX_ROUNDS = 6


def normalize(text: str) -> str:
    """Write a text as it is said.

    Raises:
        TextError: If the text has nothing to say, is longer than `MAX_CHARACTERS`, or holds characters that can't be
            said; they are named.
    """
    _check_length(text)
    text = fold(text)
    # A round may create text that the next round converts ("e .g." becomes "e.g."). So rounds are repeated until
    # nothing changes; for nearly every text the second round changes nothing.
    for _ in range(_MAX_ROUNDS):
        said = _normalize_once(text)
        if said == text:
            break
        text = said
        _check_length(text)
    else:
        raise TextError(f"the text {text[:40]!r} has no stable reading; simplify its punctuation")
    if not re.search("[a-z]", text):
        raise TextError("the text has nothing to say: it holds no letter and no digit; give it words")
    return text


def decode_text(data: bytes) -> str:
    """Read UTF-8, with or without a byte order mark.

    Raises:
        TextError: If the bytes are not UTF-8; says where.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextError(
            f"the text is not UTF-8: byte 0x{data[error.start]:02x} at offset {error.start}; save it as UTF-8"
        ) from None


def _check_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise TextError(
            f"the text has {len(text)} characters as written or said, {MAX_CHARACTERS} are the most; split it"
        )


def _normalize_once(text: str) -> str:
    text = re.sub(" {2,}", " ", text).strip()
    text = spell_addresses(text)
    text = expand_abbreviations(text)
    text = spell_numbers(text).lower()
    text = _SIGNS.sub(lambda match: _SAID[match[0]], text)
    text = re.sub(r"(?<![a-z])'+|'+(?![a-z])", " ", text)  # quotes; the apostrophe inside a word stays
    text = re.sub("-{2,}| -+ ", ", ", text).replace("-", " ")
    return _tidy_punctuation(text)


def _tidy_punctuation(text: str) -> str:
    text = re.sub(r"\.(?: ?\.)+", ",", text.rstrip(" ."))  # three dots are a pause, unless they end the text

    def strongest(match: re.Match[str]) -> str:
        return next(mark for mark in "?!.:;," if mark in match[0]) + " "

    text = re.sub(r" *[!,.:;?][ !,.:;?]*", strongest, text)
    text = re.sub(" {2,}", " ", text).strip(" ").lstrip("!,.:;? ").rstrip(",:; ")
    return text if text.endswith((".", "!", "?")) else text + "."

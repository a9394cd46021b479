"""Converts any Unicode text to the characters of written English, or raises an error that names the others."""

import re
import unicodedata
from collections.abc import Iterable

from peewee_model.errors import TextError, describe_characters

# Characters with the same pronunciation as a plain text. Fractions and powers are replaced before Unicode's own
# decomposition, which would turn 2½ into 21/2 and 10² into 102.
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`ʼˈ＇ʹ", "'"),
        **dict.fromkeys('“”„‟″«»‹›〝〞＂ʺ', '"'),
        **dict.fromkeys("‐‑‒−﹣－⁃", "-"),
        **dict.fromkeys("—―⸺⸻", " – "),  # a pause; the en dash without spaces may be a range
        **dict.fromkeys("…", "..."),
        **dict.fromkeys("[{（［【「", "("),
        **dict.fromkeys("]}）］】」", ")"),
        **dict.fromkeys("•‣▪●○◦·†‡", " "),  # typography that nobody says
        **dict.fromkeys("\t\n\r\v\f\x85\u2028\u2029", " "),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff¡¿™®℠", ""),  # marks where a line may break, the byte order mark
        **dict.fromkeys("→⇒⟶➔➜←↔", " – "),
        "⁄": "/", "∕": "/", "∶": ":", "✕": "×", "✖": "×", "⋅": "×", "➕": "+", "➖": "-", "∗": "*", "º": "°", "˚": "°",
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H", "ŋ": "ng",
        "©": " copyright ", "§": " section ", "¶": " paragraph ", "№": "No. ", "℅": "c/o", "‰": " per mille ",
        "℃": "°C", "℉": "°F", "μ": "µ", "♯": " sharp ", "♭": " flat ", "♮": " natural ", "∞": " infinity ",
        "±": " plus or minus ", "∓": " minus or plus ", "≈": " is approximately ", "≅": " is approximately ",
        "∝": " is proportional to ", "≡": " is identical to ", "√": " square root of ", "∛": " cube root of ",
        "≤": "<=", "≥": ">=", "≠": "!=", "⩽": "<=", "⩾": ">=", "∑": " sum of ", "∏": " product of ",
        "∫": " integral of ", "∂": " partial ", "∇": " del ", "∈": " in ", "∉": " not in ", "∪": " union ",
        "∩": " intersection ", "⊂": " subset of ", "∀": " for all ", "∃": " there exists ", "∴": " therefore ",
        "∅": " empty set ", "∆": " delta ", "¬": " not ", "∧": " and ", "∨": " or ", "⊕": " plus ",
        "∥": " parallel to ", "⊥": " perpendicular to ", "∠": " angle ",
    }
)  # fmt: skip

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_POWER = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_VULGAR_FRACTION = re.compile("[¼-¾⅐-⅞↉]")
_GREEK_LETTER = re.compile("(?<![\u0370-\u03ff])[Α-Ωα-ω](?![\u0370-\u03ff])")
_UNIT_SIGN = re.compile("[Ωμ](?=[A-Za-z])|(?<=[0-9kMG ])Ω")
_PLAIN = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !\"#$%&'()*+,-./:;<=>?@\\^_|~–°×÷µΩ£€¥₹¢₩₽₿₪₱₦₺₫₴"
)
_SILENT = ("So", "Sk", "Cf", "Me")
"""Unicode's categories of emoji, their modifiers, marks of format and of direction, and enclosing marks."""


def fold(text: str, marks: str = "") -> str:
    """Write a text in ASCII letters, digits, punctuation and the signs that the readers know.

    Accents are dropped, typographic quotes, dashes and spaces become plain ones, and so does what nobody says:
    `unspoken` lists it.

    Args:
        text: As written.
        marks: Characters that are kept besides.

    Raises:
        TextError: If a character is left that no English text is written with: another script, a control. All of them
            are named.
    """
    folded = _decomposed(text)
    unknown = set(folded).difference(_PLAIN, marks)
    if unknown:
        folded = "".join(" " if _is_silent(character) else character for character in folded)
        unknown = {character for character in unknown if not _is_silent(character)}
    if unknown:
        # Named in the order of the text, and as they are in the text, not decomposed.
        culprits = dict.fromkeys(character for character in text if not unknown.isdisjoint(_decomposed(character)))
        raise TextError(f"the text holds {describe_characters(culprits)}, which can't be spoken; remove or rewrite it")
    return folded


def unspoken(text: str) -> list[str]:
    """List the characters of a text that are dropped because no reader says them: emoji and invisible marks."""
    if text.isascii():
        return []
    return [character for character in text if set(_decomposed(character)) - _PLAIN and _is_silent(character)]


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


def _is_silent(character: str) -> bool:
    category = unicodedata.category(character)
    return category in _SILENT or (category == "Mn" and not unicodedata.combining(character))


def _decomposed(text: str) -> str:
    if text.isascii():
        return text.translate(_ALIKE)
    text = _VULGAR_FRACTION.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])}", text)
    text = _POWER.sub(lambda match: "^" + match[0].translate(_SUPERSCRIPTS), text)
    text = _GREEK_LETTER.sub(_greek_name, text)
    letters = unicodedata.normalize("NFKD", text.translate(_ALIKE)).translate(_ALIKE)
    return "".join(_without_marks(letters))


def _greek_name(match: re.Match[str]) -> str:
    if _UNIT_SIGN.match(match.string, match.start()):
        return match[0]
    return f" {unicodedata.name(match[0]).split()[3].lower().replace('lamda', 'lambda')} "


def _without_marks(text: str) -> Iterable[str]:
    return (character for character in text if not unicodedata.combining(character))

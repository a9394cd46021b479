"""Converts any Unicode text to the plain characters of English, or raises an error that names the other characters."""

import re
import unicodedata

from peewee_model.errors import TextError, describe_characters

# Characters with the same pronunciation as a plain text. Fractions and powers are replaced before Unicode's own
# decomposition, which would turn 2½ into 21/2 and 10² into 102.
_ALIKE = str.maketrans(
    {
        **dict.fromkeys("‘’‚‛′´`ʼˈ＇", "'"),
        **dict.fromkeys('“”„‟″«»‹›〝〞"＂', '"'),
        **dict.fromkeys("‐‑‒−﹣－", "-"),
        **dict.fromkeys("–—―⸺⸻", " – "),  # a pause, or a range between numbers; it differs from the hyphen
        **dict.fromkeys("…", "..."),
        **dict.fromkeys("•·‣▪●○◦*_|\\^~†‡¶", " "),  # typography that nobody says
        **dict.fromkeys("[{（［", "("),
        **dict.fromkeys("]}）］", ")"),
        **dict.fromkeys("\t\n\r\v\f\x85\u2028\u2029", " "),
        **dict.fromkeys("\u00ad\u200b\u2060\ufeff", ""),  # marks where a line may break, and the byte order mark
        "¡": "", "¿": "", "⁄": "/", "∕": "/", "²": " squared ", "³": " cubed ", "×": " times ", "÷": " divided by ",
        "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
        "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i", "ħ": "h", "Ħ": "H",
        "©": " copyright ", "®": " registered ", "™": " trademark ", "§": " section ", "№": "No. ",
        "℃": "°C", "℉": "°F", "µ": "micro", "μ": "micro", "±": " plus or minus ", "≈": " about ", "≤": " at most ",
        "≥": " at least ", "≠": " is not ", "¢": " cents ",
    }
)  # fmt: skip

_VULGAR_FRACTION = re.compile("[¼-¾⅐-⅞↉]")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 !\"#$%&'()+,-./:;<=>?@–°£€¥₹")


def fold(text: str) -> str:
    """Write a text in ASCII letters, digits, punctuation and a few signs that `normalize` reads.

    Accents are dropped, typographic quotes, dashes and spaces become plain ones.

    Raises:
        TextError: If a character is left that no English word is written with: another script, an emoji, a control
            or a mark that changes the direction of writing. All of them are named.
    """
    plain = _VULGAR_FRACTION.sub(lambda match: f" {unicodedata.normalize('NFKC', match[0])} ", text).translate(_ALIKE)
    letters = unicodedata.normalize("NFKD", plain).translate(_ALIKE)
    folded = "".join(character for character in letters if not unicodedata.combining(character))
    unknown = {character for character in folded if character not in _PLAIN}
    if unknown:
        # Named in the order of the text, and as they are in the text, not decomposed.
        culprits = dict.fromkeys(character for character in text if not unknown.isdisjoint(_decomposed(character)))
        raise TextError(f"the text holds {describe_characters(culprits)}, which can't be spoken; remove or rewrite it")
    return folded


def _decomposed(character: str) -> str:
    return unicodedata.normalize("NFKD", character.translate(_ALIKE)).translate(_ALIKE)

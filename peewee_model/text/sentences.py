"""Splits long text into pieces that are short enough for a synthesizer's attention."""

import re

from peewee_model.errors import ConfigError

_ABBREVIATIONS = frozenset(
    (
        "mr", "mrs", "ms", "dr", "st", "prof", "rev", "gen", "col", "capt", "lt", "sgt", "hon", "gov", "sen", "mt",
        "vs", "no", "nos", "fig", "vol", "e.g", "i.e", "cf", "approx", "jan", "feb", "mar", "apr", "jun", "jul", "aug",
        "sep", "sept", "oct", "nov", "dec",
    )
)  # fmt: skip
_END = re.compile(r"""(?:[!?]+|\.{1,3}|…)["'”’)\]]*(?=\s|$)""")
_CLAUSE_END = re.compile(r"[,;:—–](?=\s)")


def split_sentences(text: str, max_characters: int = 200) -> list[str]:
    """Split a text at the ends of its sentences; a sentence that is too long at a clause, else between words.

    The text is not split after "Mr." or an initial, or within "3.5". The pieces hold every word of the text, in order.

    Args:
        text: As written, or normalised.
        max_characters: Of a piece. A longer word is cut.

    Raises:
        ConfigError: If `max_characters` is below 1.
    """
    if max_characters < 1:
        raise ConfigError(f"max_characters is {max_characters}; a piece holds at least 1")
    pieces = []
    start = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, match):
            pieces.append(text[start : match.end()])
            start = match.end()
    pieces.append(text[start:])
    return [part for piece in pieces if piece.strip() for part in _shorten(" ".join(piece.split()), max_characters)]


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = text[match.end() : match.end() + 20].lstrip("\"'“‘( \t\n")
    if match[0] != ".":
        return not (match[0].startswith((".", "…")) and following[:1].islower())
    # One dot may belong to the word before it. Without the window, a text without spaces would be searched again and
    # again.
    words = text[max(0, match.start() - 20) : match.start()].split()
    word = words[-1].lstrip("\"'“‘(") if words else ""
    if word.lower() in _ABBREVIATIONS:
        # "No." must be followed by a number, the others by a name; in "he said no." neither follows.
        return word.lower() in ("no", "nos") and not following[:1].isdigit()
    return not (len(word) == 1 and word.isupper() and word != "I" and following[:1].isupper())


def _shorten(sentence: str, max_characters: int) -> list[str]:
    parts = []
    while len(sentence) > max_characters:
        window = sentence[: max_characters + 1]
        clauses = [match.end() for match in _CLAUSE_END.finditer(window)]
        # A clause of a few letters would sound cut off; the text is then split between words.
        cut = clauses[-1] if clauses and clauses[-1] >= max_characters // 4 else window.rfind(" ")
        cut = cut if cut > 0 else max_characters
        parts.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [*parts, sentence] if sentence else parts

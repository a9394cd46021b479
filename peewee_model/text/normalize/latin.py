"""Reads abbreviations with signs inside: e.g., et al., w/o, b/c."""

import re

from peewee_model.text.normalize.abbreviations import DOTTED, SLASHED
from peewee_model.text.normalize.sentence import Reading, Sentence

_DOTTED = re.compile(
    r"(?i:(e\. ?g|i\. ?e|a\. ?k\. ?a|w\. ?r\. ?t|c\. ?f|q\. ?v|op\. cit|m\. ?p\. ?h|r\. ?p\. ?m))\.(,?)(?![A-Za-z])"
)
_ET_AL = re.compile(r"et al\b\.?")
_SLASHED = re.compile(r"(?i)(w/o|w/in|w/|b/c|c/o|n/a|b/w|s/he)(?![a-z])")


def read_latin(sentence: Sentence, start: int) -> Reading | None:
    """Read an abbreviation with stops or a slash inside that is not said letter by letter."""
    text = sentence.text
    if "." in sentence.signs and (match := _DOTTED.match(text, start)):
        plain = match[1].lower().replace(" ", "").replace("op.cit", "op. cit")
        return Reading(DOTTED[plain] + match[2], match.end())
    if match := _ET_AL.match(text, start):
        return Reading("et al", match.end())
    if "/" in sentence.signs and (match := _SLASHED.match(text, start)):
        return Reading(SLASHED[match[1].lower()], match.end())
    return None

"""Reads capitals: initialisms letter by letter, acronyms and shouted words as words, and tells a letter from a word.

In a normalised text a capital is a letter that is said by its name: "nine A M". It differs from the word of the same
spelling, "a". Where a capital A would be read as the article when the text is normalised again, at the start of a
sentence, it is written as `LETTER_A`.
"""

import re

from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import (
    ACRONYMS,
    INITIALISMS,
    SAID_LIKE,
    SHOUTED,
    SPELLED_MIXED,
    WORDS,
    words,
)

LETTER_A = "eigh"
"""How the letter's name is spelled as a word."""

_CAPITALS = re.compile(r"([A-Z]{2,20})(?:('s|s'|s|'S)(?![A-Za-z]))?(?![A-Za-z0-9]|'[A-Za-z])")
_SHOUTED_CONTRACTION = re.compile(r"(?:[A-Z]+'(?:T|RE|VE|LL|D|M|ALL|CLOCK)|O'[A-Z]{2,}(?:'S)?)(?![A-Za-z])")
_DEGREE = re.compile(
    r"(Ph\.D|Ed\.D|Psy\.D|Pharm\.D|D\.Phil|[MB]\.(?:Sc|Ed|Eng)|LL\.[BMD]|Th\.[DM]|D\.Sc)\.?('?s)?(?![A-Za-z])"
)
_DOTTED = re.compile(r"((?:[A-Za-z]\.){2,12}|[A-Z]\.(?:[A-Z]\.)+[A-Z]?|[A-Z]\.(?=[A-Z]\b))((?:'s|s)?)(?![A-Za-z])")
_INITIAL = re.compile(r"([A-HJ-Z])\.(?= [A-Z][a-z'. -])")
_MIXED = re.compile(r"([A-Za-z]{2,12}?)('?s)?(?![A-Za-z']|-?\d)")
_ONSET = (
    "(?:[bcdfghjklmnpqrstvwxyz]|[bcfgkp]l|[bcdfgkptw]r|s[chklmnpqtw]|sch?r|s[pt]r|spl|"
    "th|thr|ch|chr|sh|shr|ph|wh|qu|tw|dw|kn|gn|wr|sq)"
)
_CODA = (
    "(?:[bcdfgklmnprstvxz]|c[hkt]|f[ft]|l[bdfklmpstv]|m[bp]|n[cdgknst]|nch|p[st]|r[bcdfgklmnpstv]|s[hkmpst]|t[hst]|"
    "[bcdfgklmnprt]s|ll|ss|bb|dd|gg|mm|rr|tt|zz|tch|ngs|nds|nts|rks|cks)"
)
_PRONOUNCEABLE = re.compile(f"{_ONSET}?(?:[aeiouy]{{1,2}}(?:{_CODA}?{_ONSET}))*[aeiouy]{{1,2}}{_CODA}?e?")
_LETTER_S = re.compile(r"([A-Z])('s|s')(?![A-Za-z])")


def spell(letters: str) -> str:
    """Say letters by their names."""
    return " ".join(letter for letter in letters.upper() if letter.isalpha())


def is_word(name: str) -> bool:
    """Whether letters can be read as a word, and are not known to be initials."""
    plain = name.upper()
    if plain in ACRONYMS or plain.lower() in WORDS:
        return True
    if plain in INITIALISMS:
        return False
    return bool(_PRONOUNCEABLE.fullmatch(plain.lower())) and (len(plain) > 2 or plain[0] not in "AEIOUY")


def is_syllable(name: str) -> bool:
    """Whether small letters look like a name, "doe", though their capitals are initials."""
    return name.islower() and len(name) > 2 and name[0] not in "aeiouy" and bool(_PRONOUNCEABLE.fullmatch(name))


def read_dotted(sentence: Sentence, start: int) -> Reading | None:
    """Read U.S. and Ph.D."""
    match = _DEGREE.match(sentence.text, start) or _DOTTED.match(sentence.text, start)
    return Reading(spell(match[1]) + ("'s" if match[2] else ""), match.end()) if match else None


def read_initial(sentence: Sentence, start: int) -> Reading | None:
    """Read J. R. Holt."""
    match = _INITIAL.match(sentence.text, start)
    return Reading(match[1], match.end()) if match else None


def read_initials(sentence: Sentence, start: int) -> Reading | None:
    """Read FBI, NASA, ATMs and NOT."""
    text = sentence.text
    if mixed := _read_mixed(sentence, start):
        return mixed
    if match := _SHOUTED_CONTRACTION.match(text, start):
        return Reading(match[0].lower(), match.end())
    match = _CAPITALS.match(text, start)
    if not match:
        return None
    word, ending = match[1], (match[2] or "").lower()
    plural = {"s'": "s'", "'s": "'s", "s": "s"}.get(ending, "")
    if is_initialism(word, sentence, start, match.end()):
        return Reading(spell(word) + ("'s" if plural else ""), match.end())
    return Reading(word.lower() + plural, match.end())


def is_initialism(word: str, sentence: Sentence, start: int, end: int) -> bool:
    """Whether capitals are said letter by letter."""
    if sentence.shouted:
        return word in INITIALISMS and word.lower() not in WORDS and word not in SHOUTED
    if word in ACRONYMS:
        return False
    if word in INITIALISMS:
        return not (word in SHOUTED and _beside_shouted(sentence, start, end))
    if word.lower() in WORDS or (word in SHOUTED and _beside_shouted(sentence, start, end)):
        return False
    if len(word) <= 3 or not re.search("[AEIOUY]", word):
        return True
    if _beside_shouted(sentence, start, end):
        return False
    return not _PRONOUNCEABLE.fullmatch(word.lower())


def _beside_shouted(sentence: Sentence, start: int, end: int) -> bool:
    """Whether the word before or after is shouted too: "DO IT NOW", he said."""
    neighbours = (sentence.written_before(start), sentence.after(end))
    return any(len(word) > 1 and word.isupper() and word.lower() in WORDS for word in neighbours)


def _read_mixed(sentence: Sentence, start: int) -> Reading | None:
    """Read names of their own, such as iPhone, and initials with small letters, such as PhD."""
    match = _MIXED.match(sentence.text, start)
    if match and match[1] in SAID_LIKE:
        return Reading(SAID_LIKE[match[1]] + (match[2] or ""), match.end())
    if match and match[1] in SPELLED_MIXED:
        return Reading(spell(match[1]) + ("'s" if match[2] else ""), match.end())
    return None


_KEYWORDS = words(
    """
    plan vitamin vitamins grade grades letter letters type types section group option team class part point gate
    exhibit appendix hepatitis level phase room row building block unit an blood category side key straight schedule
    form list series league division terminal concourse wing zone platform track seat string note chord flat
    apartment apt suite bay dock lot pier hall house column box question answer choice item step case version site
    area district ward tower entrance exit door influenza interleukin provitamin immunoglobulin protein factor big
    capital lowercase uppercase minor major triple double model bus route line serie variable node vertex angle set
    event pool band tier rating number strain layer player person patient company candidate subject sample test page
    annex clause problem diagram sheet port slot drive
    """
)
"""Nouns that a letter follows."""
_VERBS = words(
    """
    is was are were has had stands comes goes equals means wins follows precedes sounds looks minus plus to through
    and or in
    """
)
_LETTER_BEFORE = re.compile(r"(?<![A-Za-z'])[A-HJ-Z] $")
_LETTER_AFTER = re.compile(r" [A-HJ-Z](?![A-Za-z'])")
_CONSONANTS = re.compile(r"[bcdfghjklmnpqrstvwxz]{2,5}(?![A-Za-z'])")
_SOUNDS = words(
    """
    hm hmm hmmm mm mmm mhm sh shh shhh brr grr grrr pst psst pfft tsk nth zzz zz ms st nd rd th mr mrs dr ll ss cwm
    crwth phm hmph ph
    """
)
_SINGLE = re.compile(r"A(?![A-Za-z0-9'+&/@_]|-[A-Za-z])")
_OPERATOR_AFTER = re.compile(r"a ?(?:[=+*/^<>×÷]|- ?\d|!=)|a - [a-z]\b|a(?=\))")
_OPERATOR_BEFORE = re.compile(r"[=+*/^<>×÷(]\s?$|- $|\d$")
_SMALL = re.compile(r"a(?=[.,!?;:)\"]|$)")


def read_letter(sentence: Sentence, start: int) -> Reading | None:
    """Read a single capital: plan A, an A, A is for apple; and plural letters: A's."""
    text = sentence.text
    if match := _LETTER_S.match(text, start):
        return Reading(f"{match[1]}'s", match.end()) if match[1] != "I" or match[2] else None
    if _SINGLE.match(text, start):
        return Reading("A" if is_letter_a(sentence, start) else "a", start + 1)
    if text[start] == "a":
        before = sentence.before(start)
        operand = _OPERATOR_AFTER.match(text, start) or (
            _OPERATOR_BEFORE.search(sentence.behind(start)) and _SMALL.match(text, start)
        )
        letter = operand or (_SMALL.match(text, start) and before in _KEYWORDS | {"the"})
        return Reading("A", start + 1) if letter else None
    if text[start].isupper() and not re.match("'?[A-Za-z0-9]", text[start + 1 : start + 3]):
        alone = text[start] == "I" and not (
            _LETTER_BEFORE.search(sentence.behind(start)) or _LETTER_AFTER.match(text, start + 1)
        )
        return Reading("i" if alone else text[start], start + 1)
    return None


def read_consonants(sentence: Sentence, start: int) -> Reading | None:
    """Read small letters that no word is made of: npm."""
    match = _CONSONANTS.match(sentence.text, start)
    if not match or match[0] in _SOUNDS:
        return None
    return Reading(spell(match[0]), match.end())


def is_letter_a(sentence: Sentence, start: int) -> bool:
    """Whether a capital A alone is the letter and not the article."""
    text = sentence.text
    rest = sentence.ahead(start + 1)
    before = sentence.before(start)
    following = sentence.after(start + 1)
    ends = bool(re.match(r"[\"')]*(?:[.,;:!?)]|$| [–=<>+*^-])", rest))
    if before in _KEYWORDS and text[start - 1 : start] in (" ", "-", '"'):
        return not (sentence.shouted and not ends)
    if ends:
        return True
    if sentence.shouted:
        return False
    single = len(following) == 1 and following.isupper() and not re.match(r" [A-Z][-'/&]", rest)
    if sentence.starts_at(start):
        return single or (
            following in _VERBS and not (following in ("plus", "minus", "in") and " " not in rest.strip())
        )
    title_case = following[:1].isupper() and len(following) > 1 and not single
    return not title_case

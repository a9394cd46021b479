"""Splits text into sentences, and sentences into pieces that are short enough for a synthesizer's attention."""

import re

from peewee_model.errors import ConfigError
from peewee_model.text.normalize.abbreviations import (
    AFTER_NAMES,
    BEFORE_NUMBER,
    CALENDAR,
    DIRECTIONS,
    DOTTED,
    GENERAL,
    NEVER_END,
    STREETS,
    TITLES,
)
from peewee_model.text.normalize.calendar_names import is_calendar
from peewee_model.text.normalize.places import WRITTEN_SHORT
from peewee_model.text.normalize.sentence import DASH, ELLIPSIS, PRIVATE
from peewee_model.text.normalize.word_lists import words

_END = re.compile(r"""(?:[!?]+[!?.]*|\.{1,8})["')]*(?=\s|$)""")
_CLAUSE_END = re.compile(rf"[,;:{DASH}{ELLIPSIS}{PRIVATE}](?=\s)")
_NEXT = re.compile(r"\s{0,8}[\"'(]{0,4}\s{0,8}([A-Za-z]+(?:'[a-z]+)?|\d+|.)?")
_SAID = re.compile(
    r"\s?(?:[A-Z][a-z]+|I) (?:said|says|asked|asks|cried|yelled|shouted|called|whispered|replied|answered|added|"
    r"muttered|screamed|snapped|laughed|exclaimed|begged|sighed|barked|demanded|wondered|repeated)\b"
)
_LAST = re.compile(r"""[^\s"'(]*$""")
_WINDOW = 24

# With these words a sentence begins, and no name does: "at 6 p.m. It was dark", but "at 6 p.m. Monday".
_STARTERS = words(
    """
    a an the this that these those it he she they we you i there here his her its our their your my what who when
    where why how which if as so but and or yet for nor then now soon later after before while since because
    although though until unless once in on at by from with without during despite instead also however meanwhile
    finally perhaps maybe yes no not nobody nothing everyone everybody everything someone somebody something anyone
    both each every all some many most few several none one two three next today tomorrow yesterday tonight please
    let do did does don't didn't is are was were can could will would shall should may might must have has had it's
    he's she's that's there's they're we're you're i'm i'll we'll he'll she'll they'll i've we've they've what's
    who's let's to of about over under only just even still never always often sometimes usually people bring take
    call ask go come see turn look wait open close keep leave put give tell write read use try make get eat drink
    buy pay stop start stay walk run meet send check remember nice well oh ah hey ok okay thanks thank sorry rain
    snow traffic police kids children mom dad men women dogs cats birds cars trains music lights doors tickets dinner
    lunch breakfast work school classes prices
    """
)
_BEFORE_LETTER = words(
    """
    plan vitamin grade letter type group section option team class part point gate exhibit appendix hepatitis level
    phase room row building block unit an a and or the to blood figure table category side key major question answer
    step item zone area platform wing track line form schedule terminal
    """
)


def split_sentences(text: str) -> list[str]:
    """Split a folded text at the ends of its sentences.

    It is not split after "Mr." or an initial, or within "3.5". The sentences hold every word of the text, in order.
    """
    pieces = []
    start = 0
    for match in _END.finditer(text):
        if _ends_sentence(text, match):
            pieces.append(text[start : match.end()])
            start = match.end()
    pieces.append(text[start:])
    return [" ".join(piece.split()) for piece in pieces if piece.strip()]


def shorten(sentence: str, max_characters: int = 200) -> list[str]:
    """Split a sentence that is too long at a clause, else between words; a longer word is cut.

    Args:
        sentence: As written, or normalised.
        max_characters: Of a piece.

    Raises:
        ConfigError: If `max_characters` is below 1.
    """
    if max_characters < 1:
        raise ConfigError(f"max_characters is {max_characters}; a piece holds at least 1")
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


def _ends_sentence(text: str, match: re.Match[str]) -> bool:
    following = _NEXT.match(text, match.end())
    after = (following and following[1]) or ""
    quoted = match[0][-1] in "\"')"
    if match[0][0] in "!?":
        # "Stop!" she said.
        return not (quoted and (after[:1].islower() or _SAID.match(text, match.end())))
    if match[0].startswith(".."):
        return not (after[:1].islower() or after in _ALWAYS_CAPITAL)
    if quoted and after[:1].islower():
        return False
    # One dot may belong to the word before it. Without the window, a text without spaces would be searched again and
    # again.
    last = _LAST.search(text, max(0, match.start() - _WINDOW), match.start())
    word = last[0] if last else ""
    before = text[max(0, match.start() - len(word) - _WINDOW) : match.start() - len(word)].split()
    joined = re.match(r"(.*[-–/]|[\d.,]*\d)(?=[A-Za-z])", word)
    if joined:  # 2-lb., Jan.-Mar.
        before, word = [joined[0].rstrip("-–/")], word[joined.end() :]
    return not after or _word_ends(word, after, before[-1] if before else "")


def _word_ends(word: str, after: str, before: str) -> bool:
    """Tell whether a full stop after a word ends a sentence, and is not a part of an abbreviation alone."""
    plain = word.lower()
    starts = after[0].isupper() and after.lower() in _STARTERS
    if len(word) == 1 and word.isalpha() and word != "I":
        return _letter_ends(word, after, before, starts)
    if plain in ("no", "nos"):
        return not (after[0].isdigit() or after == "of")
    if plain in NEVER_END:
        return plain == "al" and starts
    if plain in ("a.m", "p.m"):
        return after[0].isupper() and not is_calendar(after) and after not in _ZONES
    if plain in DOTTED or _DOTTED_LETTERS.fullmatch(word):
        return starts and plain not in ("e.g", "i.e", "p.s", "n.b", "a.k.a") and not is_calendar(after)
    after_number = before[-1:].isdigit()
    if plain in _UNITS and after_number:
        return after[0].isupper()
    if plain in BEFORE_NUMBER and (after[0].isdigit() or _NUMERAL.fullmatch(after)):
        return False
    if plain not in _KNOWN or (plain in _WORDS_TOO and word.islower()):
        return not (plain in _WORDS_TOO and after[0].islower() and plain not in _COMMON)
    if not after[0].isupper():
        return False
    if plain in CALENDAR:
        return not is_calendar(after)
    if plain in TITLES and not (plain in STREETS and before[:1].isupper()):
        return False
    return (starts and not is_calendar(after)) if plain in _BESIDE_NAMES or word[0].isupper() else True


def _letter_ends(word: str, after: str, before: str, starts: bool) -> bool:
    name = before.strip(",\"'(")
    if word.islower():
        return after[0].isupper() and (starts or word not in "vcp") and not after[0].isdigit()
    if word in "NSEW" and before:
        return starts
    if name.lower() in _BEFORE_LETTER or name[-1:].isdigit():
        return not after[0].islower()
    return starts and after not in ("A", "I") and bool(before) and not before.endswith(".")


_ALWAYS_CAPITAL = ("I", "I'm", "I'd", "I'll", "I've")
"""Three dots before them are a pause: "I... I don't know". Their capital shows no new sentence."""
_DOTTED_LETTERS = re.compile(r"(?:[A-Za-z]{1,2}\.)+[A-Za-z]{1,2}")
_NUMERAL = re.compile("[IVXLC]+|[A-Z]")
_COMMON = words("in is me may man sun miss mass long box cat lot art ill")
_ZONES = words("EST EDT CST CDT MST MDT PST PDT ET CT MT PT GMT UTC BST CET Eastern Central Mountain Pacific Greenwich")
_UNITS = words(
    """
    in ft yd mi lb lbs oz pt qt gal min sec hr yr mo wk hrs mins secs yrs cm mm km kg tsp tbsp deg sq doz
    """
)
_WORDS_TOO = words(
    """
    in no is me co pa la ma hon rep gen col sec card sat sun mar dec may art ill wash mass miss ore man del cal ind
    ex op app fig cat box item lot unit tab par max min sub long sing pop pub ref spec lib temp def res reg cap org
    prop exp env med mod log pt mi gal wed dep det dir comm div var vet veg prod ann bal inv info intro docs specs
    tech est ed eds alt comp syn stats stat vocab cert poss st str sta prom pier ct b w al ave diff ken mont tex
    trans cent pl chi ins sm lg ser fem masc obj subj supp perm prob chg lat tot doz pr mo mos ext sch inst intl mil
    cont ven grn sens reps profs exc cond asst sci gov sen
    """
)
"""Abbreviations that are words or names themselves."""
_BESIDE_NAMES = frozenset((*AFTER_NAMES, *STREETS, *CALENDAR, *DIRECTIONS, *WRITTEN_SHORT))
_KNOWN = _BESIDE_NAMES.union(TITLES, GENERAL, BEFORE_NUMBER)

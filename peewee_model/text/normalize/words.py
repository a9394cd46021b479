"""Reads abbreviations by the words beside them: titles, streets, states, months, Latin, "No. 5"."""

import re

from peewee_model.text.normalize.abbreviations import (
    AFTER_NAMES,
    ALWAYS,
    BEFORE_NUMBER,
    CALENDAR,
    DIRECTIONS,
    DOTTED,
    GENERAL,
    MONTHS,
    ROADS,
    STREETS,
    TITLES,
    TITLES_WITHOUT_STOP,
    WEEKDAYS,
)
from peewee_model.text.normalize.places import ALONE, POSTAL, SHORT_ALONE, WRITTEN_SHORT
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_WORD = re.compile(r"([A-Za-z]+(?:'[a-z]+)?(?:\.[A-Za-z]{1,3}(?=\.)){0,4})(\.?)(?=[^A-Za-z0-9]|$)")
_STATE = re.compile(r"(W\. ?Va|N\. ?Mex|[NS]\. ?Dak|[A-Z]\. ?[A-Z]|[A-Z][A-Za-z]{1,5})(\.?)(?![A-Za-z0-9'])")
_CITY = re.compile(r"(?:[A-Z][a-z'.-]+,|[A-Z][a-z]{3,}) ?$")
_COMMA_CITY = re.compile(r"[A-Z][A-Za-z'.-]+, ?$")
_DOTTED = re.compile(
    r"(?i:(e\. ?g|i\. ?e|a\. ?k\. ?a|w\. ?r\. ?t|c\. ?f|q\. ?v|op\. cit|m\. ?p\. ?h|r\. ?p\. ?m))\.,?(?![A-Za-z])"
)
_ET_AL = re.compile(r"et al\.?(?![a-z])")
_NUMERAL = re.compile(r" ?[\"(]?(?:#?\d|[IVXLC]+(?![A-Za-z])|[A-Z](?![A-Za-z]))")
_NAME = re.compile(r" ?\"?(?:[A-Z][A-Za-z'-]+|[A-Z]\. ?|(?:de|van|von|la|le|di|du|del|and|y) [A-Z])")
_NAME_BEFORE = re.compile(r"(?:[A-Z][\w'-]*|\d+(?:st|nd|rd|th)|[a-z]{2,}\.)[,.]? $")
_STREET_BEFORE = re.compile(r"(?:[A-Z][\w'-]+|\d+(?:st|nd|rd|th)|\b[A-Z]) $")
_HOUSE = re.compile(r"\d+ (?:[NSEW]\.? )?(?:[A-Z][\w'-]+ ){0,3}$")
_WINDOW = 40
_SLASHED = {
    "w/o": "without", "w/in": "within", "w/": "with", "b/c": "because", "c/o": "care of", "n/a": "N A",
    "b/w": "between", "d/t": "due to", "s/he": "she or he", "w/e": "whatever", "p/u": "pick up", "h/t": "hat tip",
}  # fmt: skip
_SLASH = re.compile(r"(?i)(w/o|w/in|w/|b/c|c/o|n/a|b/w|s/he)(?![a-z])")
_MONTH_RANGE = re.compile(r"([A-Z][a-z]{2,3})(\.?) ?(?:-|–) ?(?=([A-Z][a-z]{2,3})(?![a-z]))")


def read_latin(sentence: Sentence, start: int) -> Reading | None:
    """Read e.g., et al., w/ and b/c."""
    text = sentence.text
    if "." in sentence.signs:
        if match := _DOTTED.match(text, start):
            plain = match[1].lower().replace(" ", "").replace("op.cit", "op. cit")
            return Reading(DOTTED[plain] + ("," if match[0][-1] == "," else ""), match.end())
    if (match := _ET_AL.match(text, start)) and text[start : start + 2] == "et":
        return Reading("et al", match.end())
    if "/" in sentence.signs and (match := _SLASH.match(text, start)):
        return Reading(_SLASHED[match[1].lower()], match.end())
    return None


def read_abbreviation(sentence: Sentence, start: int) -> Reading | None:
    """Read Mr., Oak Ave., No. 5, Feb. and dept."""
    match = _WORD.match(sentence.text, start)
    if not match:
        return None
    return _abbreviation(sentence, start, match[1], bool(match[2]), match.end())


def _abbreviation(sentence: Sentence, start: int, word: str, stop: bool, end: int) -> Reading | None:
    text, plain = sentence.text, word.lower()
    if calendar := _calendar(sentence, start, word, stop, end):
        return calendar
    if not stop:
        return _without_stop(sentence, start, word, end)
    numbered = (
        plain in BEFORE_NUMBER
        and (len(word) > 1 or word.islower() or (plain == "p" and re.match(r" ?\d", sentence.ahead(end))))
        and _NUMERAL.match(text, end)
    )
    before_text = text[max(0, start - _WINDOW) : start]
    if (
        plain in STREETS
        and (word.istitle() or plain in ("st", "ave", "blvd"))
        and _is_street(sentence, plain, before_text, end)
    ):
        return Reading(STREETS[plain], end)
    if plain == "jr" or (
        plain in ("sr", "esq")
        and re.search(r"[a-z],? $", before_text)
        and before_text[:1]
        and _NAME_BEFORE.search(before_text)
    ):
        return Reading(AFTER_NAMES[plain], end)
    if numbered and not (plain in TITLES and word[0].isupper() and not re.match(r" ?[#\d]", sentence.ahead(end))):
        return Reading(BEFORE_NUMBER[plain], end)
    if (
        plain in ROADS
        and word[0].isupper()
        and plain in ("mt", "ft", "pt", "rt", "rte", "hwy")
        and _NAME.match(text, end)
    ):
        return Reading(ROADS[plain], end)
    if plain in TITLES and _NAME.match(text, end) and (word[0].isupper() or plain in TITLES_WITHOUT_STOP):
        return Reading(TITLES[plain], end)
    if (
        plain in DIRECTIONS
        and word.isupper()
        and (re.match(r" [A-Z\d]", sentence.ahead(end)) or _STREET_BEFORE.search(before_text))
    ):
        if re.match(
            r" \d+(?:st|nd|rd|th)\b| [A-Z][\w'-]+ (?:St|Ave|Rd|Dr|Blvd|Ln|Street|Avenue|Road|Drive|Main|Broad)|.{0,20}\b(?:St|Ave|Rd|Dr|Blvd|Ln|Street|Avenue|Road|Ct|Pl)\b",
            sentence.ahead(end),
        ) or re.search(r"\d ?$|St\.? $|Ave\.? $|Street $|Avenue $|Rd\.? $", before_text):
            return Reading(DIRECTIONS[plain], end)
    if plain in AFTER_NAMES and _NAME_BEFORE.search(before_text) and word[0].isupper():
        return Reading(AFTER_NAMES[plain], end)
    return None if word.isupper() and len(word) > 1 else _general(sentence, start, word, end)


def _general(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    text, plain = sentence.text, word.lower()
    following = text[end : end + 2].strip()
    if plain in ALWAYS:
        return Reading(GENERAL[plain], end)
    if plain in SHORT_ALONE and word[0].isupper():
        return Reading(WRITTEN_SHORT[plain], end)
    if plain in ("v", "vs") and following:
        return Reading("versus", end)
    if plain in TITLES_WITHOUT_STOP - {"st", "gen", "col"}:
        return Reading(TITLES[plain], end)
    if plain == "sr":
        return Reading("senior", end)
    if plain in ROADS and word[0].isupper() and plain in ("mt", "ft") and following[:1].isupper():
        return Reading(ROADS[plain], end)
    if (
        plain in GENERAL
        and plain not in _REAL_WORDS
        and following
        and (following[0].islower() or following[0] in '",;:)' or following[0].isdigit())
    ):
        return Reading(GENERAL[plain], end)
    if (
        plain in GENERAL
        and plain in _REAL_WORDS
        and following
        and following[0].islower()
        and (plain not in _VERY_COMMON)
    ):
        return Reading(GENERAL[plain], end)
    if plain in _SURE:
        return Reading(GENERAL[plain], end)
    if plain in GENERAL and word[0].isupper() and start == 0 and plain not in _VERY_COMMON and following[:1].isupper():
        return Reading(GENERAL[plain], end)
    return None


_SURE = (
    frozenset(("co", "corp", "inc", "ltd", "bros", "jr", "esq", "est", "rd", "blvd", "ave", "temp", "max", "st"))
    & GENERAL.keys()
)
_VERY_COMMON = words(
    """
    long sing pop sub cap med w b res comp op ed pub cat def prop mod prod exp org del spec ref info intro docs
    specs tech lang ins vet veg var sep sm lg alt pl reg fac gen comm diff cert poss ex fig temp lat perm ht stat
    stats rev pd tot chg ann bal bet env ser mil vac dup vocab
    """
) - {"ref", "reg", "gen", "ex", "temp", "tech", "alt", "poss", "prod", "orig", "ed", "def"}
_REAL_WORDS = _VERY_COMMON | words(
    """
    min max ch ref reg gen ex temp tech alt poss prod ed def st mo ft mm in co chap para oz pt mi gal subj masc fem
    """
)


def _without_stop(sentence: Sentence, start: int, word: str, end: int) -> Reading | None:
    text, plain = sentence.text, word.lower()
    if (
        plain in TITLES_WITHOUT_STOP
        and word[0].isupper()
        and not word.isupper()
        and re.match(r" [A-Z][a-z'-]|  ?[A-Z]\.", text[end : end + 4])
    ):
        if (
            plain == "st"
            and _STREET_BEFORE.search(text[max(0, start - _WINDOW) : start])
            and not sentence.starts_at(start)
        ):
            if text[max(0, start - 12) : start].rstrip().split(" ")[-1].lower() not in (
                "the",
                "of",
                "in",
                "at",
                "near",
                "from",
                "to",
                "and",
            ):
                return Reading("street", end)
        return Reading("doctor" if plain == "dr" else TITLES[plain], end)
    before_text = text[max(0, start - _WINDOW) : start]
    if (
        plain in STREETS
        and word[0].isupper()
        and not word.isupper()
        and len(plain) < 6
        and plain not in ("sta", "wk", "str", "est", "pt", "gr", "pier", "prom", "tr")
    ):
        if _STREET_BEFORE.search(before_text) and (
            _HOUSE.search(before_text) or plain in ("ave", "blvd", "rd", "ln", "pkwy", "hwy", "st", "sq", "pl", "ct")
        ):
            return Reading(STREETS[plain], end)
    if plain in (
        "pp",
        "vs",
        "approx",
        "hwy",
        "rte",
        "etc",
        "blvd",
        "dept",
        "apt",
        "nos",
        "vol",
        "figs",
        "govt",
        "assn",
        "mgmt",
        "mins",
        "hrs",
        "yrs",
        "incl",
        "avg",
        "ft",
        "mt",
        "ca",
        "ste",
        "rm",
        "jr",
        "sr",
    ):
        if plain in BEFORE_NUMBER and re.match(" #?\\d", text[end : end + 3]):
            return Reading(BEFORE_NUMBER[plain], end)
        if plain in (
            "vs",
            "etc",
            "approx",
            "hwy",
            "blvd",
            "dept",
            "govt",
            "assn",
            "mgmt",
            "mins",
            "hrs",
            "yrs",
            "incl",
            "avg",
        ):
            return Reading(GENERAL[plain], end)
        if plain in ("ft", "mt") and word[0].isupper() and not word.isupper() and _NAME.match(text, end):
            return Reading(ROADS[plain], end)
        if plain in ("jr", "sr") and word[0].isupper() and _NAME_BEFORE.search(before_text):
            return Reading(AFTER_NAMES[plain], end)
    if word in DIRECTIONS_UPPER and (
        _HOUSE.search(before_text) or re.search(r"(?:St|Ave|Rd|Street|Avenue|Blvd)\.?,? $", before_text)
    ):
        return Reading(DIRECTIONS[plain], end)
    if word == "No" and re.match(r" \d", text[end : end + 2]) and not sentence.starts_at(start):
        return Reading("number", end)
    return None


DIRECTIONS_UPPER = frozenset(key.upper() for key in DIRECTIONS if "." not in key)


def _is_street(sentence: Sentence, plain: str, before: str, end: int) -> bool:
    if not _STREET_BEFORE.search(before):
        return False
    name = before.rstrip().split(" ")[-1]
    if plain == "st" and (
        re.match(r" [A-Z][a-z]+(?:'s)? ?(?:[Cc]hurch|Hospital|School|Cathedral|Island|College)", sentence.ahead(end))
        or name.lower() in _LITTLE
    ):
        return False
    if name.lower() in _LITTLE or (name.lower().rstrip(".") in TITLES and plain != "dr"):
        return False
    if plain in ("dr", "st", "pl", "ct", "est", "pt", "sta", "gr", "wk") and re.match(
        r" [A-Z][a-z]", sentence.ahead(end)
    ):
        following = re.match(r" ([A-Za-z']+)", sentence.ahead(end))
        return bool(_HOUSE.search(before)) or (
            following is not None and following[1].lower() in ("and", "to", "in", "at", "from", "until", "was", "is")
        )
    return plain not in ("est", "sta", "gr") or bool(_HOUSE.search(before))


_LITTLE = words(
    """
    the a an of in at near from to and with by for on mr mrs ask see call told met said is was his her my our their
    i then when if but
    """
)


def _calendar(sentence: Sentence, start: int, word: str, stop: bool, end: int) -> Reading | None:
    """Read months and weekdays. Those that are words or names, "sat" and "Jan", need a full stop or a number beside them."""
    text, plain = sentence.text, word.lower()
    if (
        plain not in CALENDAR
        or not word[0].isupper()
        or (word.isupper() and not re.match(r"\.? \d", text[end - 1 : end + 3]))
    ):
        return None
    if match := _MONTH_RANGE.match(text, start):
        if match[3].lower() in CALENDAR:
            return Reading(f"{CALENDAR[plain]} to", match.end())
    if text[max(0, start - 1) : start] in ("-", "–") and sentence.before(start - 1) in (*CALENDAR, *MONTHS, *WEEKDAYS):
        return Reading(CALENDAR[plain], end)
    sure = plain in (
        "tue",
        "tues",
        "wed",
        "weds",
        "thu",
        "thur",
        "thurs",
        "fri",
        "feb",
        "apr",
        "aug",
        "sept",
        "oct",
        "nov",
        "dec",
        "jul",
        "mon",
        "sep",
    )
    if not stop:
        beside = bool(
            re.match(r",? \d|, [A-Z][a-z]{2,8}\.? \d|'\d|/(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)", sentence.ahead(end))
        )
        dated = bool(
            re.search(
                r"(?:\d(?:st|nd|rd|th)?|of|in|on|by|since|until|from|to|every|next|last|this|early|late|mid|and|through)[ -]$",
                text[max(0, start - 8) : start],
            )
        )
        return (
            Reading(CALENDAR[plain], end)
            if beside
            or (sure and plain not in ("dec", "mon") and dated)
            or (dated and plain in CALENDAR and not sure and plain not in ("sun", "mar", "jan"))
            else None
        )
    if sure:
        return Reading(CALENDAR[plain], end)
    at_sentence_end = end >= len(text)
    dated = bool(
        re.search(
            r"(?:\b(?:in|on|by|since|until|from|to|every|next|last|this|early|late|mid|and|of|a|the|each|through|till|or)|\d|\.,|[,-])[ -]?$",
            text[max(0, start - 9) : start],
        )
    )
    return Reading(CALENDAR[plain], end) if dated or not at_sentence_end else None


def read_state(sentence: Sentence, start: int) -> Reading | None:
    """Read a state after a city and a comma: "Mobile, AL", "Trenton, N.J."."""
    text = sentence.text
    match = _STATE.match(text, start)
    if not match or sentence.shouted:
        return None
    written, stop = match[1], match[2]
    before = text[max(0, start - _WINDOW) : start]
    after_city = _COMMA_CITY.search(before)
    if written in POSTAL and not stop:
        zipped = re.match(r",? \d{5}\b", sentence.ahead(match.end()))
        if (after_city and _ends_place(sentence, match.end())) or (zipped and _CITY.search(before)):
            return Reading(POSTAL[written], match.end())
        return Reading(POSTAL[written], match.end()) if written in ALONE and written not in ("MO",) else None
    plain = written.lower()
    if plain in WRITTEN_SHORT and stop and after_city:
        return Reading(WRITTEN_SHORT[plain], match.end())
    if plain.replace(" ", "") in WRITTEN_SHORT and stop and after_city:
        return Reading(WRITTEN_SHORT[plain.replace(" ", "")], match.end())
    return None


def _ends_place(sentence: Sentence, end: int) -> bool:
    return not re.match(r" [A-Z]{2,}|[/&]", sentence.ahead(end)) or bool(re.match(" USA", sentence.ahead(end)))

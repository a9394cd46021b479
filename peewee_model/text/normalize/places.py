"""Reads states and provinces after a city: Mobile, AL; Trenton, N.J."""

import re

from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

POSTAL = {
    "AL": "alabama", "AK": "alaska", "AZ": "arizona", "AR": "arkansas", "CA": "california", "CO": "colorado",
    "CT": "connecticut", "DE": "delaware", "FL": "florida", "GA": "georgia", "HI": "hawaii", "ID": "idaho",
    "IL": "illinois", "IN": "indiana", "IA": "iowa", "KS": "kansas", "KY": "kentucky", "LA": "louisiana", "ME": "maine",
    "MD": "maryland", "MA": "massachusetts", "MI": "michigan", "MN": "minnesota", "MS": "mississippi",
    "MO": "missouri", "MT": "montana", "NE": "nebraska", "NV": "nevada", "NH": "new hampshire", "NJ": "new jersey",
    "NM": "new mexico", "NY": "new york", "NC": "north carolina", "ND": "north dakota", "OH": "ohio",
    "OK": "oklahoma", "OR": "oregon", "PA": "pennsylvania", "RI": "rhode island", "SC": "south carolina",
    "SD": "south dakota", "TN": "tennessee", "TX": "texas", "UT": "utah", "VT": "vermont", "VA": "virginia",
    "WA": "washington", "WV": "west virginia", "WI": "wisconsin", "WY": "wyoming", "DC": "D C", "PR": "puerto rico",
    "ON": "ontario", "QC": "quebec", "BC": "british columbia", "AB": "alberta", "MB": "manitoba", "SK": "saskatchewan",
    "NS": "nova scotia", "NB": "new brunswick", "NL": "newfoundland and labrador", "PE": "prince edward island",
    "YT": "yukon", "NT": "northwest territories", "NU": "nunavut", "GU": "guam", "VI": "virgin islands",
}  # fmt: skip
"""By the post's two letters, which are read after a city and a comma."""

ALONE = words("TX NY NJ NH NV WY KY KS TN WI WV AZ CT FL VT RI NC MN")
"""Codes that are no word or usual initials, and are read alone as well."""

WRITTEN_SHORT = {
    "ala": "alabama", "ariz": "arizona", "ark": "arkansas", "calif": "california", "cal": "california",
    "colo": "colorado", "conn": "connecticut", "del": "delaware", "fla": "florida", "ga": "georgia", "ill": "illinois",
    "ind": "indiana", "kan": "kansas", "kans": "kansas", "ken": "kentucky", "ky": "kentucky", "la": "louisiana",
    "me": "maine", "md": "maryland", "mass": "massachusetts", "mich": "michigan", "minn": "minnesota",
    "miss": "mississippi", "mo": "missouri", "mont": "montana", "neb": "nebraska", "nebr": "nebraska", "nev": "nevada",
    "n.h": "new hampshire", "n.j": "new jersey", "n.m": "new mexico", "n.y": "new york", "n.c": "north carolina",
    "n.d": "north dakota", "n. mex": "new mexico", "n. dak": "north dakota", "s. dak": "south dakota",
    "okla": "oklahoma", "ore": "oregon", "oreg": "oregon", "pa": "pennsylvania", "penn": "pennsylvania",
    "penna": "pennsylvania", "r.i": "rhode island", "s.c": "south carolina", "s.d": "south dakota",
    "tenn": "tennessee", "tex": "texas", "vt": "vermont", "va": "virginia", "wash": "washington",
    "w. va": "west virginia", "w.va": "west virginia", "wis": "wisconsin", "wisc": "wisconsin", "wyo": "wyoming",
    "ont": "ontario", "que": "quebec", "alta": "alberta", "man": "manitoba", "sask": "saskatchewan",
    "p.r": "puerto rico", "b.c": "british columbia", "n.s": "nova scotia", "n.b": "new brunswick",
}  # fmt: skip
"""In lower case, without the last full stop; read after a city and a comma."""

SHORT_ALONE = words("calif conn fla ariz colo mich minn tenn okla oreg penna wyo nebr kans wisc ont")
"""Those that are no words, and are read alone as well."""

_STATE = re.compile(r"(W\. ?Va|N\. ?Mex|[NS]\. ?Dak|[A-Z]\. ?[A-Z]|[A-Z][A-Za-z]{1,5})(\.?)(?![A-Za-z0-9'])")
_CITY_COMMA = re.compile(r"[A-Z][A-Za-z'.-]+, ?$")
_CITY = re.compile(r"[A-Z][a-z'.-]+,? $")
_ZIP = re.compile(r",? \d{5}\b")
_MORE_CAPITALS = re.compile(r" (?!USA)[A-Z]{2,}|[/&]")


def read_state(sentence: Sentence, start: int) -> Reading | None:
    """Read a state's abbreviation after a city and a comma; a few are read alone."""
    match = _STATE.match(sentence.text, start)
    if not match or sentence.shouted:
        return None
    written, stop, end = match[1], match[2], match.end()
    behind = sentence.behind(start)
    after_city = bool(_CITY_COMMA.search(behind))
    if written in POSTAL and not stop:
        in_address = (after_city and not _MORE_CAPITALS.match(sentence.text, end)) or (
            _ZIP.match(sentence.text, end) and _CITY.search(behind)
        )
        return Reading(POSTAL[written], end) if in_address or written in ALONE else None
    if written in POSTAL and after_city and end == len(sentence.text):
        return Reading(POSTAL[written], end)
    plain = written.lower()
    for name in (plain, plain.replace(" ", "")):
        if name in WRITTEN_SHORT and stop and (after_city or name in SHORT_ALONE):
            return Reading(WRITTEN_SHORT[name], end)
    return None

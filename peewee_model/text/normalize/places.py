"""States, provinces and what else follows a comma after a city."""

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

ALONE = frozenset(
    ("TX", "NY", "NJ", "NH", "NV", "WY", "KY", "KS", "TN", "WI", "WV", "AZ", "CT", "FL", "VT", "RI", "NC", "MN", "MO")
)
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

SHORT_ALONE = frozenset(
    (
        "calif",
        "conn",
        "fla",
        "ariz",
        "colo",
        "mich",
        "minn",
        "tenn",
        "okla",
        "oreg",
        "penna",
        "wyo",
        "nebr",
        "kans",
        "wisc",
        "ont",
    )
)
"""Those that are no words, and are read alone as well."""

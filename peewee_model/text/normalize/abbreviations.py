"""Writes abbreviations, initials, acronyms and addresses as they are spoken."""

import re

_EVERYWHERE = {
    "mr": "mister", "mrs": "missus", "ms": "miz", "messrs": "messieurs", "prof": "professor", "rev": "reverend",
    "gen": "general", "col": "colonel", "capt": "captain", "lt": "lieutenant", "sgt": "sergeant", "hon": "honorable",
    "gov": "governor", "sen": "senator", "jr": "junior", "sr": "senior", "esq": "esquire", "mt": "mount",
    "vs": "versus", "etc": "et cetera", "approx": "approximately", "dept": "department", "inc": "incorporated",
    "ltd": "limited", "corp": "corporation", "co": "company", "bros": "brothers", "ave": "avenue", "blvd": "boulevard",
    "rd": "road", "vol": "volume", "govt": "government", "univ": "university", "cf": "compare",
}  # fmt: skip
"""Said whenever a full stop follows."""

_BEFORE_NUMBER = {
    "no": "number", "nos": "numbers", "fig": "figure", "p": "page", "pp": "pages", "ch": "chapter", "sec": "section",
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august",
    "sep": "september", "sept": "september", "oct": "october", "nov": "november", "dec": "december",
}  # fmt: skip
"""Said before a digit only: "no." ends sentences, and so does "sat."."""

_MONTHS_BETWEEN = {name: month for name, month in _BEFORE_NUMBER.items() if len(month) > 3 and name in month[:4]}
_WITHOUT_STOP = {"Mr": "mister", "Mrs": "missus", "Ms": "miz", "Dr": "doctor", "St": "saint", "Prof": "professor"}

_LATIN = {r"e\. ?g\.": "for example", r"i\. ?e\.": "that is"}

_SPELLED = frozenset(
    (
        "USA", "UK", "EU", "UN", "US", "CIA", "FBI", "CEO", "CFO", "CTO", "AI", "ID", "UFO", "URL", "USB", "IBM", "ATM",
        "EEG", "ECG", "ISBN", "ISO", "MIT", "IOU",
    )
)  # fmt: skip
_WORDS_IN_CAPITALS = frozenset(
    (
        "NASA", "NATO", "UNESCO", "UNICEF", "OPEC", "AIDS",
    )
)  # fmt: skip
_SAID_LIKE = {"PhD": "p h d", "OK": "okay", "Ok": "okay", "C#": "c sharp"}

_IN_ADDRESSES = {
    ".": " dot ", "/": " slash ", "@": " at ", "-": " dash ", ":": " colon ", "?": " question mark ", "=": " equals ",
    "&": " and ", "#": " hash ", "%": " percent ", "+": " plus ",
}  # fmt: skip
_TOP_DOMAINS = "com|org|net|edu|gov|io|ai|uk|de|eu|fr|info|dev"


def spell_addresses(text: str) -> str:
    """Say e-mail addresses and URLs: "example.com/me" is example dot com slash me."""
    text = re.sub(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}", _say_address, text)
    label = r"[a-z\d-]{1,63}"
    domain = rf"(?:https?://)?{label}(?:\.{label}){{0,8}}\.(?:{_TOP_DOMAINS})\b(?![\w-]|\.\w)"
    return re.sub(rf"(?i)(?<![\w./@-]){domain}(?:[/:?#][\w/.?=&#%+:-]*)?", _say_address, text)


def _say_address(match: re.Match[str]) -> str:
    address = re.sub("(?i)^https?://", "", match[0])
    said = re.sub("(?i)^www(?=[.])", "w w w", address.rstrip("/.,:?"))
    end = re.search(r"[.,:?]*$", address)
    return re.sub("[^A-Za-z0-9 ]", lambda mark: _IN_ADDRESSES.get(mark[0], " "), said) + (end[0] if end else "")


def expand_abbreviations(text: str) -> str:
    """Write abbreviations out. The text beside one decides whether it is an abbreviation or a word, such as "no."."""
    for pattern, said in _LATIN.items():
        text = re.sub(rf"(?i)(?<![\w.]){pattern}", said, text)
    text = _replace(rf"(?i)(?<![\w.'])({_any(_BEFORE_NUMBER)})\. ?(?=\d)", text, _BEFORE_NUMBER, " ")
    text = _replace(rf"(?i)(?<=\d )({_any(_MONTHS_BETWEEN)})\b\.?(?= \d|,|$)", text, _MONTHS_BETWEEN)
    text = _streets(text)
    text = re.sub(r"\b((?i:etc|inc|ltd|co))\.(?= [A-Z])", r"\1..", text)  # here the full stop ends a sentence as well
    text = _replace(rf"(?i)(?<![\w.'])({_any(_EVERYWHERE)})\.", text, _EVERYWHERE)
    text = _replace(rf"\b({_any(_WITHOUT_STOP)})(?= [A-Z])", text, _WITHOUT_STOP, keep_case=True)
    text = _replace(rf"\b({_any(_SAID_LIKE)})(?!\w)", text, _SAID_LIKE, keep_case=True)
    return _initials(text)


def _streets(text: str) -> str:
    """Distinguish street from saint and drive from doctor: a street's abbreviation follows a name."""
    after_name = r"(?<![\w.'])([a-z\d]+,? (?:[A-Z][\w']*|\d+(?:st|nd|rd|th))) "
    text = re.sub(after_name + r"St\.(?= [A-Z])", r"\1 street.", text)
    text = re.sub(after_name + r"Dr\.(?= [A-Z])", r"\1 drive.", text)
    text = re.sub(r"(?<=[a-z] )Dr\.(?=,| [a-z]|$)", "drive", text)
    text = re.sub(r"(?<![\w.'])[Ss]t\.(?= [A-Z])", "saint", text)
    text = re.sub(r"(?i)(?<![\w.'])st\.", "street", text)
    return re.sub(r"(?i)(?<![\w.'])dr\.", "doctor", text)


def _initials(text: str) -> str:
    # U.S.A., a.m., J. R. R. Tolkien: letters said by their names; after a number they are units and times.
    text = re.sub(r"(?<![\w.'])(?<!\d )(?:[A-Za-z]\.){2,}(?!\w)", _spaced, text)
    text = re.sub(r"(?<![\w.'])([A-Z])\. (?=[A-Z])", r"\1 ", text)
    if not re.search("[a-z]", text):
        return text  # this is a headline, not acronyms

    def spell(match: re.Match[str]) -> str:
        word, plural = match[1], match[2] or ""
        spelled = word in _SPELLED or not re.search("[AEIOUY]", word)
        if not spelled or word in _WORDS_IN_CAPITALS:
            return word + plural
        return " ".join(word) + ("'s" if plural else "")

    return re.sub(r"(?<![\w.'])([A-Z]{2,5})('?s)?(?![\w'])", spell, text)


def _spaced(match: re.Match[str]) -> str:
    return " ".join(match[0].replace(".", ""))


def _any(names: dict[str, str]) -> str:
    return "|".join(sorted(names, key=len, reverse=True))


def _replace(pattern: str, text: str, said: dict[str, str], after: str = "", keep_case: bool = False) -> str:
    return re.sub(pattern, lambda match: said[match[1] if keep_case else match[1].lower()] + after, text)

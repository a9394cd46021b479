"""Reads numbers that name and do not count: rooms, flights, codes, versions, telephones."""

import re

from peewee_model.text.normalize.number_words import NUMBER, cardinal, digits, pairs
from peewee_model.text.normalize.places import POSTAL
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.word_lists import words

_IN_PAIRS = words(
    """
    flight room rm suite ste gate bus train tram highway hwy route rt rte interstate apartment apt unit boeing
    airbus model area studio channel form building bldg house number address box locker lane exit port platform
    track line district precinct hall flights rooms suites buses trains dept engine squad unit battalion regiment
    case docket mercedes ford bmw porsche ferrari canon nikon intel core ryzen geforce rtx gtx radeon galaxy nokia
    chapter page
    """
)
_BY_DIGITS = re.compile(
    r"(?i)(?:\b(?:pin|zip|zip code|postal code|area code|code|password|passcode|account|serial|isbn|ssn|"
    r"combination|badge|order|tracking|"
    r"invoice|confirmation|ticket|case|license|licence|policy|extension|ext|pager|fax|phone|vin|sku|id|user|member|employee|lock|safe)"
    r"\.?(?: (?:code|number|no))?\.?(?: (?:is|was|to|of|ending in|ends in|ends with)|:| #|#)? ?#?\"?'?)$"
)
_CALL = re.compile(
    r"(?i)\b(?:dial|dialed|dialing|call|called|calling|press|text|texted|phone|phoned|ring|fax|hotline|helpline|sms)"
    r"(?: the number| at| to|:)? ?$"
)
_EMERGENCY = frozenset(
    ("911", "112", "999", "411", "311", "211", "511", "611", "711", "811", "988", "101", "111", "000")
)
_DIGITS = re.compile(r"\d+(?![\d:/(]|[.,]\d|[-–]\d)")
_ZIP = re.compile(r"\d{5}(?:-(\d{4}))?(?![\w-]|[.,]\d)")
_CODE = re.compile(r"(\d{3,4})(?![\w/:]|[.,]\d|-\d| ?[%°$€£])")
_HOUSE = re.compile(
    r"(\d{3,5})(?= (?:[NSEW]\.? |[NS][EW]\.? |North |South |East |West )?(?:\d+(?:st|nd|rd|th)|(?:[A-Z][a-z']+ ){1,3}?"
    r"(?:St|Street|Ave?|Avenue|Rd|Road|Dr|Drive|Ln|Lane|Blvd|Boulevard|Ct|Court|Pl|Place|Way|Pkwy|Parkway|Terrace|Ter|Circle|Cir|Sq|"
    r"Square|Hwy)\b))"
)
_ROAD = re.compile(r"(\d{2,3})(?= (?:Fwy|Freeway|Hwy|Highway|Expressway|Expy|Interstate)\b)")
_DOCKET = re.compile(r"(\d{1,4})-(\d{2,6})(?![\w/-]|[.,]\d)")
_DOCKETS = words("case docket file serial boeing airbus part claim ticket order bill lot item sku model invoice policy")
_VERSION = re.compile(r"\d+(?:\.\d+){2,5}(?!\w|\.\d)")
_SHORT_VERSION = re.compile(r"(\d{1,4})\.(\d{1,3})(?![\d%]|\.\d)")
_VERSION_WORDS = words(
    """
    version versions v ver release python ios android windows macos ubuntu java php node ruby django update patch
    firmware kernel linux build perl swift kotlin postgres mysql html bluetooth usb os debian fedora safari firefox
    chrome s
    """
)
_IP = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(:\d{1,5})?(?:/(\d{1,2}))?(?![\w]|\.\d)")

_GAP = r"[ .-]?"
_PHONES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"\+\d{{1,3}}{_GAP}(?:\(0?\d{{1,4}}\){_GAP})?\d{{1,5}}(?:[ .-]?\d{{2,5}}){{1,4}}(?![\w-])",
        rf"(?:\+?1{_GAP})?\(\d{{3}}\){_GAP}\d{{3}}{_GAP}\d{{4}}(?![\w-])",
        r"(?:1[ .-])?\d{3}([ .-])\d{3}\1\d{4}(?![\w-]|\.\d)",
        r"\d{3}[-–]\d{4}(?![\w-]|[.,]\d)",
        r"\(?0\d{2,4}\)?[ -]\d{3,4}[ -]?\d{3,4}(?![\w-])",
        r"(?:1-)?8\d\d-\d{3}-\d{4}(?![\w-])",
        r"\+\d{8,15}(?!\w)",
        r"\+\d{1,3}(?:[ -]\d{1,5}){2,6}(?![\w-])",
    )
)
_VANITY = re.compile(r"(?:1-)?(\d{3})-(?:(\d{3})-)?([A-Z]{2,8}(?:-[A-Z]{2,8})*)(?!\w)")
_EXTENSION = re.compile(r",? ?(?:x|ext\.?|extension) ?(\d{1,5})\b")


def read_telephone(sentence: Sentence, start: int) -> Reading | None:
    """Read telephone numbers digit by digit, and emergency numbers."""
    text = sentence.text
    for pattern in _PHONES:
        if match := pattern.match(text, start):
            extension = _EXTENSION.match(text, match.end())
            said = _spell_phone(match[0])
            if extension:
                return Reading(f"{said}, extension {digits(extension[1])}", extension.end())
            return Reading(said, match.end())
    if (match := _VANITY.match(text, start)) and not sentence.shouted:
        said = _spell_phone(match[0][: match.start(3) - match.start()])
        words = [part.lower() if len(part) > 2 else " ".join(part) for part in match[3].split("-")]
        return Reading(f"{said}, {' '.join(words)}", match.end())
    match = _DIGITS.match(text, start)
    if match and len(match[0]) <= 12:
        called = _CALL.search(text, max(0, start - 24), start)
        if called and (match[0] in _EMERGENCY or len(match[0]) > 3):
            return Reading(digits(match[0]), match.end())
        if match[0] == "911" and sentence.before(start) not in ("porsche", "over", "about"):
            return Reading(digits(match[0]), match.end())
    return None


def _spell_phone(written: str) -> str:
    groups = re.findall(r"\+|\d+", written)
    said = []
    for number, group in enumerate(groups):
        if group == "+":
            said.append("plus ")
        else:
            toll_free = group == "800" and number <= 1
            said.append(("eight hundred" if toll_free else digits(group)) + ", ")
    return "".join(said).rstrip(", ")


def read_code(sentence: Sentence, start: int) -> Reading | None:
    """Read room 305, flight 2209, ZIP code 60614, PIN 4471, 220 Main Street."""
    text = sentence.text
    match = _ZIP.match(text, start)
    if match and (
        sentence.written_before(start).replace(".", "") in POSTAL
        or re.search(r"(?i)\bzip(?: code)?(?: is)? $", text[max(0, start - 20) : start])
    ):
        return Reading(digits(match[0][:5]) + (f", {digits(match[1])}" if match[1] else ""), match.end())
    match = _DIGITS.match(text, start)
    if match and _BY_DIGITS.search(text, max(0, start - 40), start):
        return Reading(_code(match[0]), match.end()) if len(match[0]) > 2 or match[0][0] == "0" else None
    match = _CODE.match(text, start)
    if match and sentence.before(start) in _IN_PAIRS:
        return Reading(say_name_number(match[1]), match.end())
    if (match := _DOCKET.match(text, start)) and sentence.before(start) in _DOCKETS:
        return Reading(f"{say_name_number(match[1])} {say_name_number(match[2])}", match.end())
    if match := _HOUSE.match(text, start) or _ROAD.match(text, start):
        return Reading(say_name_number(match[1]), match.end())
    return None


def _code(number: str) -> str:
    return digits(number)


def say_name_number(number: str) -> str:
    """Say a number inside a name: 737 as seven thirty seven, 2209 as twenty two oh nine, 07 as oh seven."""
    if len(number) <= 2 and number[0] != "0":
        return cardinal(number)
    if len(number) > 4 or number[0] == "0":
        return digits(number, "oh")
    if len(number) == 4 and number[1:] == "000":
        return cardinal(number)
    return pairs(number)


def read_version(sentence: Sentence, start: int) -> Reading | None:
    """Read 2.0.1, Python 3.12 and 10.0.0.7."""
    text = sentence.text
    match = _IP.match(text, start)
    if match and all(int(group) <= 255 for group in match.groups()[:4]):
        said = " dot ".join(
            say_name_number(group) if len(group) == 3 else cardinal(group) for group in match.groups()[:4]
        )
        said += f" colon {say_name_number(match[5][1:])}" if match[5] else ""
        return Reading(said + (f" slash {cardinal(match[6])}" if match[6] else ""), match.end())
    if match := _VERSION.match(text, start):
        return Reading(" point ".join(_version_part(part) for part in match[0].split(".")), match.end())
    match = _SHORT_VERSION.match(text, start)
    if match and (sentence.before(start) in _VERSION_WORDS):
        return Reading(f"{cardinal(match[1])} point {_version_part(match[2])}", match.end())
    return None


def _version_part(part: str) -> str:
    return cardinal(part) if len(part) <= 2 else say_name_number(part)


def read_plain_number(sentence: Sentence, start: int) -> Reading | None:
    """Read a quantity: 52,000, 75 000, 3.14, 300k, 1.2M."""
    text = sentence.text
    if (match := _SPACED.match(text, start)) and sentence.before(start) not in ("call", "dial", "text"):
        return Reading(cardinal(match[0].replace(" ", "")), match.end())
    match = _NUMBER.match(text, start) or re.compile(r"\d+").match(text, start)
    return Reading(cardinal(match[0]), match.end()) if match else None


_NUMBER = re.compile(NUMBER)
_SPACED = re.compile(r"\d{1,3}(?: 000)+(?![\d,.]\d|\d)|\d{1,3}(?: \d{3}){2,4}(?![\d,.]\d|\d)")

"""Writes numbers as they are spoken: cardinals, ordinals, years, dates, times, money, fractions, units.

Each function reads one kind in a folded text and returns the text with words in its place; `spell_numbers` applies
them in the order in which one kind could be mistaken for another. Number words are num2words's. Also considered:
NeMo's text processing is more complete, but needs pynini and OpenFst, compiled libraries of 100 MB, in a consumer's
install. inflect has cardinals and ordinals, but no years and no limit for long numbers.
"""

import re
from collections.abc import Callable

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip

# "may" and "march" are verbs as well, unless they have a capital.
_MONTH = r"((?i:january|february|april|june|july|august|september|october|november|december)|May|MAY|March|MARCH)"
_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!,?\d)|\d+(?:\.\d+)?"
_START = r"(?<![\w.,])"  # not inside a number or a word
_SCALE = r"hundred|thousand|million|billion|trillion"
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"}

_CURRENCIES = {
    "$": ("dollar", "dollars", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "sen", "sen"),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}

_UNITS = {
    "km/h": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "mph": ("mile per hour", "miles per hour"),
    "m/s": ("meter per second", "meters per second"), "kg": ("kilogram", "kilograms"),
    "mg": ("milligram", "milligrams"),
    "g": ("gram", "grams"), "km": ("kilometer", "kilometers"), "cm": ("centimeter", "centimeters"),
    "mm": ("millimeter", "millimeters"), "m squared": ("square meter", "square meters"),
    "km squared": ("square kilometer", "square kilometers"), "m cubed": ("cubic meter", "cubic meters"),
    "m": ("meter", "meters"), "mi": ("mile", "miles"), "ft": ("foot", "feet"), "yd": ("yard", "yards"),
    "lb": ("pound", "pounds"), "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"),
    "ml": ("milliliter", "milliliters"), "l": ("liter", "liters"), "hz": ("hertz", "hertz"),
    "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"), "ghz": ("gigahertz", "gigahertz"),
    "kb": ("kilobyte", "kilobytes"), "mb": ("megabyte", "megabytes"), "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"), "kw": ("kilowatt", "kilowatts"), "kwh": ("kilowatt hour", "kilowatt hours"),
    "ms": ("millisecond", "milliseconds"), "s": ("second", "seconds"), "sec": ("second", "seconds"),
    "min": ("minute", "minutes"), "h": ("hour", "hours"), "hr": ("hour", "hours"), "hrs": ("hour", "hours"),
    "ha": ("hectare", "hectares"), "°c": ("degree celsius", "degrees celsius"),
    "°f": ("degree fahrenheit", "degrees fahrenheit"), "°": ("degree", "degrees"), "%": ("percent", "percent"),
}  # fmt: skip

_YEAR_CONTEXT = (
    r"in|since|from|until|till|by|before|after|during|of|year|around|circa|to|and|or|between|early|late|mid|spring|"
    r"summer|autumn|fall|winter|through|" + "|".join(MONTHS)
)
_NEW_SENTENCE = re.compile(r" (?!Mon|Tue|Wed|Thu|Fri|Sat|Sun|[A-Z]{2})[A-Z]")
_LONGEST = 15
"""Digits of the longest number that is said as one; a longer one is read digit by digit."""


def spell_numbers(text: str) -> str:
    """Replace every digit of a folded text by words."""
    steps: tuple[Callable[[str], str], ...] = (
        _telephones, _dates, _times, _money, _fractions, _decades, _ordinals, _ranges, _negatives, _years, _units,
        _plain,
    )  # fmt: skip
    for step in steps:
        if not any(character.isdigit() for character in text):
            break
        text = step(text)
    return text


def cardinal(number: str) -> str:
    """Say a number: "1,200" or "3.50"; digit by digit where it starts with a zero or is very long."""
    whole, _, decimals = number.replace(",", "").partition(".")
    said = digits(whole) if len(whole) > _LONGEST or (whole[0] == "0" and len(whole) > 1) else _words(int(whole))
    return f"{said} point {digits(decimals)}" if decimals else said


def ordinal(number: int) -> str:
    """Say a rank."""
    return _words(number, "ordinal")


def year(number: int) -> str:
    """Say a year: 1998 as nineteen ninety eight."""
    return _words(number, "year")


def digits(number: str) -> str:
    """Say the digits one by one."""
    return " ".join(_words(int(digit)) for digit in number)


def _words(number: int, kind: str = "cardinal") -> str:
    from num2words import num2words

    return str(num2words(number, to=kind)).replace(",", "").replace("-", " ")


def _telephones(text: str) -> str:
    def say(match: re.Match[str]) -> str:
        return ", ".join(digits(group) for group in re.findall(r"\d+", match[0]))

    return re.sub(_START + r"(?:\+\d{1,3}[ -])?(?:\(?\d{3}\)?[ -])?\d{3}-\d{4}(?![\w-]|[.,]\d)", say, text)


def _dates(text: str) -> str:
    def say(month: int, day: int, of_year: str) -> str:
        return f"{MONTHS[month - 1]} {ordinal(day)}, {year(int(of_year))}"

    def iso(match: re.Match[str]) -> str:
        month, day = int(match[2]), int(match[3])
        return say(month, day, match[1]) if 1 <= month <= 12 and 1 <= day <= 31 else match[0]

    def slashed(match: re.Match[str]) -> str:
        month, day = int(match[1]), int(match[2])
        if month > 12 >= day:  # 25/12/2020 has the day first; if both orders are possible, the month is first
            month, day = day, month
        return say(month, day, match[3]) if 1 <= month <= 12 and 1 <= day <= 31 else match[0]

    def day_first(match: re.Match[str]) -> str:
        at_year = f" {year(int(match[3]))}" if match[3] else ""
        return f"the {ordinal(int(match[1]))} of {match[2]}{at_year}" if 1 <= int(match[1]) <= 31 else match[0]

    def month_first(match: re.Match[str]) -> str:
        at_year = f", {year(int(match[3]))}" if match[3] else ""
        return f"{match[1]} {ordinal(int(match[2]))}{at_year}" if 1 <= int(match[2]) <= 31 else match[0]

    end = r"(?![\w/-]|[.,:]\d)"
    text = re.sub(_START + r"([12]\d{3})-(\d{2})-(\d{2})" + end, iso, text)
    text = re.sub(_START + r"(\d{1,2})[/.](\d{1,2})[/.]([12]\d{3})" + end, slashed, text)
    day = r"(\d{1,2})(?:st|nd|rd|th)?"
    at_year = rf"(?:,? ([12]\d{{3}}){end})?"
    text = re.sub(rf"{_START}(?:[Tt]he )?{day} (?:of )?{_MONTH}\b{at_year}", day_first, text)
    return re.sub(rf"\b{_MONTH} (?:the )?{day}{end}{at_year}", month_first, text)


def _times(text: str) -> str:
    half = r"(?: ?([ap])(?:\. ?m\.?|m)(?![a-z]))"

    def say(match: re.Match[str]) -> str:
        hour, minute, noon = int(match[1]), match[2], match[3]
        if hour > 24 or (minute and int(minute) > 59):
            return match[0]
        minutes = "" if not minute or (minute == "00" and noon) else _minutes(minute)
        # The last stop of "p.m." ends the sentence too, if another one follows.
        stop = "." if noon and match[0].endswith(".") and _NEW_SENTENCE.match(match.string, match.end()) else ""
        return f"{_words(hour)}{minutes}" + (f" {noon.lower()} m{stop}" if noon else "")

    text = re.sub(rf"(?i){_START}(\d{{1,2}}):(\d{{2}}){half}?(?![\w:]|[.,]\d)", say, text)
    return re.sub(rf"(?i){_START}(\d{{1,2}})()" + half, say, text)


def _minutes(minute: str) -> str:
    if minute == "00":
        return " o'clock"
    return f" oh {_words(int(minute))}" if minute[0] == "0" else f" {_words(int(minute))}"


def _money(text: str) -> str:
    def say(minus: str | None, sign: str, number: str, scale: str | None) -> str:
        one, many, cent, cents = _CURRENCIES[sign]
        lead = "minus " if minus else ""
        if scale:
            return f"{lead}{cardinal(number)} {_SCALES.get(scale.lower(), scale.lower())} {many}"
        whole, _, part = number.replace(",", "").partition(".")
        if len(part) != 2:
            return f"{lead}{cardinal(number)} {one if number == '1' else many}"
        amounts = []
        if int(part) == 0 or whole.strip("0"):
            amounts.append(f"{cardinal(whole)} {one if whole == '1' else many}")
        if int(part):
            amounts.append(f"{_words(int(part))} {cent if int(part) == 1 else cents}")
        return lead + " and ".join(amounts)

    minus = r"(?:(?<![\w)])(-))?"
    scale = rf"(?: ?(k|m|mn|bn|b|tn|{_SCALE})(?![a-z]))?"
    text = re.sub(rf"(?i){minus}([$£€¥₹]) ?({_NUMBER}){scale}", lambda match: say(*match.groups()), text)
    after = rf"(?i){minus}(?<![\d.,])({_NUMBER}){scale} ?([$£€¥₹])(?! ?\d)"
    return re.sub(after, lambda match: say(match[1], match[4], match[2], match[3]), text)


def _fractions(text: str) -> str:
    names = {2: ("half", "halves"), 4: ("quarter", "quarters")}
    text = re.sub(_START + r"(24/7|50/50)(?![\w/]|[.,]\d)", lambda match: match[0].replace("/", " "), text)

    def say(match: re.Match[str]) -> str:
        whole, above, below = match[1], int(match[2]), int(match[3])
        if not above or not 2 <= below <= 100 or above >= 100:
            said = f"{cardinal(match[2])} over {cardinal(match[3])}"
        else:
            one, many = names.get(below) or (ordinal(below), ordinal(below) + "s")
            said = f"{'a' if whole and above == 1 else _words(above)} {one if above == 1 else many}"
        return f"{cardinal(whole)} and {said}" if whole else said

    return re.sub(r"(?<![\w.,/])(?:(\d{1,15}) +)?(\d{1,15})/(\d{1,15})(?![\w/]|[.,]\d)", say, text)


def _decades(text: str) -> str:
    def say(match: re.Match[str]) -> str:
        century, decade = match[1], 10 * int(match[2])
        if not decade:
            return {"": match[0], "20": "two thousands"}.get(century, f"{_words(int(century or 0))} hundreds")
        decades = _words(decade).removesuffix("y") + "ies" if decade > 10 else "tens"
        return f"{_words(int(century))} {decades}" if century else decades

    return re.sub(r"(?i)(?<![\w.,])'?(1\d|20|)(\d)0'?s(?!\w)", say, text)


def _ordinals(text: str) -> str:
    def say(match: re.Match[str]) -> str:
        number = match[1].replace(",", "")
        return ordinal(int(number)) if len(number) <= _LONGEST else match[0]

    return re.sub(_START + r"(?i:(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th))(?!\w)", say, text)


def _ranges(text: str) -> str:
    text = re.sub(r"(?<=\d) ?– ?(?=[$£€¥]?\d)", " to ", text)
    return re.sub(_START + r"(\d+)-(?=\d+(?![\w-]))", r"\1 to ", text)


def _negatives(text: str) -> str:
    return re.sub(r"(?<![\w)])-(?=\.?\d)", " minus ", text)


def _years(text: str) -> str:
    def say(match: re.Match[str]) -> str:
        return f"{match[1]} {year(int(match[2]))}"

    one = r"(1[1-9]\d{2}|20\d{2})(?!\w|[.,:/]\d| ?[%°])"
    text = re.sub(rf"{_START}{one} to {one}", lambda match: f"{year(int(match[1]))} to {year(int(match[2]))}", text)
    text = re.sub(_START + r"(1[1-9]\d{2}|20\d{2}) to (\d{2})(?!\w|[.,:/%°]\d)", _short_years, text)
    return re.sub(rf"(?i)\b({_YEAR_CONTEXT}) {one}", say, text)


def _short_years(match: re.Match[str]) -> str:
    return f"{year(int(match[1]))} to {_words(int(match[2]))}"


def _units(text: str) -> str:
    names = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))

    def say(match: re.Match[str]) -> str:
        one, many = _UNITS[match[2].lower()]
        return f"{cardinal(match[1])} {one if match[1] == '1' else many}"

    return re.sub(rf"(?i)(?<![\d.,])({_NUMBER}) ?({names})(?![a-z/0-9])", say, text)


def _plain(text: str) -> str:
    text = re.sub(r"(?<!\d)\.(?=\d)|(?<=\d)\.(?=\d+\.\d)|(?<=\.\d)\.(?=\d)", " point ", text)
    return re.sub(_NUMBER, lambda match: f" {cardinal(match[0])} ", text)

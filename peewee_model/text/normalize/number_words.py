"""Says numbers: as a quantity, a rank, a year, digit by digit, or in pairs. The words are num2words's."""

import re
from functools import lru_cache

from peewee_model.text.normalize.sentence import joined

NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!,?\d)(?:\.\d+(?!\.?\d))?|\d+(?:\.\d+(?!\.?\d))?)"
"""A written number: 1,200 or 3.14, but not a part of 1.2.3 or of 1,23."""

_LONGEST = 15
"""Digits of the longest number that is said as one; a longer one is read digit by digit."""

_FRACTION_NAMES = {2: ("half", "halves"), 4: ("quarter", "quarters")}


@lru_cache(4096)
def _words(number: int, kind: str) -> str:
    from num2words import num2words

    return str(num2words(number, to=kind)).replace(",", "").replace("-", " ")


def cardinal(number: str) -> str:
    """Say a number: "1,200" or "3.50"; digit by digit where it starts with a zero or is very long."""
    whole, _, decimals = number.replace(",", "").partition(".")
    if not whole:
        said = ""
    elif len(whole) > _LONGEST or (whole[0] == "0" and len(whole) > 1):
        said = digits(whole)
    else:
        said = _words(int(whole), "cardinal")
    return joined(said, "point", digits(decimals)) if decimals else said


def ordinal(number: str) -> str:
    """Say a rank."""
    plain = number.replace(",", "")
    return _words(int(plain), "ordinal") if len(plain) <= _LONGEST else f"{digits(plain)} th"


def ordinals(number: str) -> str:
    """Say parts of a whole: two of "5" are two fifths."""
    return ordinal(number) + "s"


def digits(number: str, zero: str = "zero") -> str:
    """Say the digits one by one."""
    return " ".join(zero if digit == "0" else _words(int(digit), "cardinal") for digit in number)


def year(number: str) -> str:
    """Say a year: 1998 as nineteen ninety eight, 2010 as twenty ten, 2005 as two thousand and five."""
    value = int(number)
    if len(number) != 4 or value < 1000 or value % 1000 == 0 or 2000 <= value < 2010:
        return cardinal(number.lstrip("0") or "0")
    return pairs(number)


def short_year(number: str) -> str:
    """Say the last two digits of a year: 05 as oh five."""
    return f"oh {digits(number[1])}" if number[0] == "0" else cardinal(number)


def pairs(number: str) -> str:
    """Say a number of three or four digits by its last two: 305 as three oh five, 1200 as twelve hundred."""
    head, tail = number[:-2], number[-2:]
    said = "hundred" if tail == "00" else short_year(tail)
    return f"{digits(head) if head[0] == '0' else cardinal(head)} {said}"


def decade(number: str) -> str:
    """Say ten years: "1970" as nineteen seventies, "90" as nineties, "1800" as eighteen hundreds."""
    century, tens = number[:-2], number[-2:]
    if tens == "00":
        return "two thousands" if century == "20" else f"{cardinal(century or '0')} hundreds"
    said = "tens" if tens == "10" else cardinal(tens).removesuffix("y") + "ies"
    return joined(cardinal(century) if century else "", said)


def fraction(above: str, below: str) -> str:
    """Say a fraction: three quarters, five sixteenths, eleven over one hundred and three."""
    if not 2 <= int(below) <= 100 or int(above) >= 100 or above == "0":
        return f"{cardinal(above)} over {cardinal(below)}"
    one, many = _FRACTION_NAMES.get(int(below)) or (ordinal(below), ordinals(below))
    return f"{cardinal(above)} {one if above == '1' else many}"


def mixed(whole: str, above: str, below: str) -> str:
    """Say a number with a fraction: one and a half."""
    part = fraction(above, below)
    return f"{cardinal(whole)} and {'a' + part.removeprefix('one') if above == '1' else part}"


def amount(number: str) -> str:
    """Say a written number, which may hold a fraction or a sign: "3/4", "1 1/2", "-5"."""
    match = re.fullmatch(r"(?:(\d+)[ -])?(\d+)/(\d+)", number)
    if match:
        return mixed(match[1], match[2], match[3]) if match[1] else fraction(match[2], match[3])
    return f"minus {cardinal(number[1:])}" if number[0] == "-" else cardinal(number)

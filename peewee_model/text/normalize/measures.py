"""Reads measures: a number and a unit, temperatures, coordinates, feet and inches, sizes."""

import re

from peewee_model.text.normalize.grammar import ADJECTIVES, describes_noun, is_plural_noun
from peewee_model.text.normalize.number_words import NUMBER, amount
from peewee_model.text.normalize.sentence import Reading, Sentence
from peewee_model.text.normalize.units import AFTER_SLASH, units
from peewee_model.text.normalize.word_lists import words

_AMOUNT = rf"(?:\d+[ -])?\d+/\d+(?![\d/])|{NUMBER}|\.\d+(?!\.?\d)"
_MEASURE = re.compile(
    rf"({_AMOUNT})(?:( ?(?:-|–) ?| to | or |-to-)({_AMOUNT}))?([ -]?)"
    r"((?:sq|cu|fl)\.? ?[A-Za-z]+|mm Hg|ft-lb|lb-ft|[A-Za-zµΩ]+(?:\^?[23](?!\d))?|%)(\.?)(?![A-Za-z0-9'])"
)
_PER = re.compile(r"/(100 km|100 g|[A-Za-z]+(?:\^?[23](?!\d))?)(?![A-Za-z0-9/])")
_WORDS = words("in h ha mo st pt ac min deg rad ct mi pts kn cd kt ins bar nm ly")
"""Units that are words or ends of words; they need a full stop, or a place that only a unit has."""
_NEVER = words("B b T t K F N J A PA Pa")
"""Letters behind numbers that are seldom units: gate 4B, 8B people, 5T."""
_BEFORE_FOOD = words(
    "tsp tbsp Tbsp tsps tbsps g mg ml mL oz % h hr hrs min mins sec secs s yr yrs wk wks mo mos pct deg"
)
"""What comes in them is counted too: two teaspoons of olives."""
_AFTER_MEASURES = words("downwards upwards sideways afterwards indoors outdoors upstairs downstairs besides overseas")
_AMPS = re.compile(r"(?i)\b(?:fuse|circuit|breaker|current|charger|amp|battery|outlet|draws?|plug|wire|socket)")

_SIGNED = rf"(-)?({NUMBER}|\.\d+)"
_DEGREES = re.compile(
    rf"{_SIGNED}(?: ?°)?(?: ?([CF])(?![A-Za-z]))?(?: ?(?:-|–) ?| to ){_SIGNED} ?°(?: ?([CFK])(?![A-Za-z])(?!-))?"
    rf"|{_SIGNED} ?°(?: ?([CFK])(?![A-Za-z])(?!-))?()"
)
_COORDINATE = re.compile(
    rf"{_SIGNED} ?°(?: ?(\d{{1,2}}(?:\.\d+)?) ?'(?: ?(\d{{1,2}}(?:\.\d+)?) ?(?:\"|''))?)?"
    r"(?: ?([NSEW])(?![A-Za-z.]\w|[a-z]))?"
)
_LETTER_DEGREES = re.compile(rf"({NUMBER}) ?([CF])(?![A-Za-z0-9-])")
_WEATHER = re.compile(
    r"(?i)\b(?:degrees|temperatures?|oven|bak\w+|heat\w*|warm\w*|cold\w*|hot\w*|weather|fever|forecast|highs?|lows?|outside|"
    r"cool\w*|freez\w*|boil\w*|thermostat|reach\w*|hit|sauna|preheat)\b"
)
_SCALES = {"C": " celsius", "F": " fahrenheit", "K": " kelvin", None: "", "": ""}
_FEET = re.compile(r"(\d{1,3})'(?: ?(\d{1,2}(?:\.\d+)?)(?:\"|''|(?![\w'])))?")
_INCHES = re.compile(rf"({_AMOUNT})(?:( ?(?:-|–|x|×) ?)({_AMOUNT}))?\"")
_SIZE = re.compile(rf"({_AMOUNT})((?:'|\")?)(?: ?([x×]) ?({_AMOUNT})\2)(?: ?[x×] ?({_AMOUNT})\2)?(?![A-Za-z]*\d)")
_TIMES = re.compile(rf"({NUMBER})[x×](?![\w×])")
_NAMES = {"N": "north", "S": "south", "E": "east", "W": "west"}


def read_measure(sentence: Sentence, start: int) -> Reading | None:
    """Read 10 km, a 6-ft fence, 5-10%, 90 km/h, 800 sq ft, 9 in. deep."""
    return _measure(sentence, start, sentence.before(start))


def _measure(sentence: Sentence, start: int, before: str) -> Reading | None:
    text = sentence.text
    match = _MEASURE.match(text, start)
    if not match:
        return None
    first, joint, last, gap, written, stop = match.groups()
    names = units().get(written) or (units().get(written.lower()) if written.lower() in _ANY_CASE else None)
    if names is None or not _is_unit(sentence, start, match):
        return None
    number = last or first
    end = match.end() if stop and _stop_belongs(text, match.end()) else match.end() - len(stop)
    per = _PER.match(text, match.end() - len(stop))
    following = sentence.after(end)
    beside = text[end : end + 1] in (" ", "-")
    single = (
        number == "1"
        or (gap == "-" and written != "%")
        or describes_noun(before, following, beside)
        or (beside and not per and written not in _BEFORE_FOOD and _is_counted(following))
    )
    said = amount(first) if not last else f"{amount(first)} {'or' if joint == ' or ' else 'to'} {amount(last)}"
    if "/" in number and " " not in number and not single:
        said, single = (said, True) if said.startswith("one ") else (f"{said} of {_an(names[0])}", True)
    said = f"{said} {names[0] if single else names[1]}"
    if per and per[1] in AFTER_SLASH:
        return Reading(f"{said} per {AFTER_SLASH[per[1]]}", per.end())
    return Reading(said, end)


_ANY_CASE = words(
    "khz mhz ghz hz kwh kw mph kph lbs lb oz ft km kg cm ml hrs mins mb gb tb kb rpm psi mpg fps dpi kbps gbps mg yrs "
    "db bpm"
)


def _is_counted(word: str) -> bool:
    return is_plural_noun(word) and word not in _AFTER_MEASURES


def _an(name: str) -> str:
    return ("an " if (name[0] in "aeiou" and not name.startswith("eu")) or name.startswith("hour") else "a ") + name


def _stop_belongs(text: str, end: int) -> bool:
    return end < len(text)


def _is_unit(sentence: Sentence, start: int, match: re.Match[str]) -> bool:
    written, gap, stop = match[5], match[4], match[6]
    if stop and written in ("W", "V") and re.match(r" [A-Z]", sentence.ahead(match.end())):
        return False  # 45 W. Oak St.
    if written in _NEVER:
        return written == "A" and sentence.mentions(_AMPS)
    if written == "s":
        own = sentence.before(start) in ("the", "his", "her", "their", "my", "of", "no")
        return gap != "-" and (gap == " " or len(match[1]) < 3) and not own
    if written == "K" or (len(written) == 1 and written.isupper() and gap == "-" and written not in "VWL"):
        return False
    if written in ("min", "h", "mi", "ha", "nm", "kn", "kt", "rad", "ct"):
        return True
    if written in ("pt", "st") and not stop and gap == "":
        return False
    if written in _WORDS and not stop:
        following = sentence.after(match.end())
        return (
            gap == "-"
            or following in ADJECTIVES
            or (written == "in" and (following in ("by", "x") or gap == "" or not sentence.ahead(match.end()).strip()))
        )
    return not (gap == "-" and written in ("m", "s", "g", "l") and sentence.text[match.end() : match.end() + 1] == "-")


def read_temperature(sentence: Sentence, start: int) -> Reading | None:
    """Read -15°C, 60°-70°F, 72 F, 45°N, 12°30'S."""
    text = sentence.text
    if "°" in sentence.signs and (match := _COORDINATE.match(text, start)) and (match[3] or match[5]):
        return _coordinate(match)
    if "°" in sentence.signs and (match := _DEGREES.match(text, start)):
        if match[4 + 1] is None:
            said = _number(match[7], match[8])
            scale, number = match[9], match[8]
        else:
            scale, number = match[6] or match[3], match[5]
            said = f"{_number(match[1], match[2])} to {_number(match[4], number)}"
        single = number == "1" or describes_noun(
            sentence.before(start), sentence.after(match.end()), text[match.end() : match.end() + 1] in " -"
        )
        return Reading(f"{said} {'degree' if single else 'degrees'}{_SCALES[scale]}", match.end())
    match = _LETTER_DEGREES.match(text, start)
    if match and sentence.mentions(_WEATHER):
        return Reading(f"{amount(match[1])} degrees{_SCALES[match[2]]}", match.end())
    return None


def _number(minus: str | None, number: str) -> str:
    return amount(f"{minus or ''}{number}")


def _coordinate(match: re.Match[str]) -> Reading:
    said = f"{_number(match[1], match[2])} {'degree' if match[2] == '1' else 'degrees'}"
    if match[3]:
        said += f" {amount(match[3])} {'minute' if match[3] == '1' else 'minutes'}"
    if match[4]:
        said += f" {amount(match[4])} {'second' if match[4] == '1' else 'seconds'}"
    return Reading(f"{said} {_NAMES[match[5]]}" if match[5] else said, match.end())


def read_size(sentence: Sentence, start: int) -> Reading | None:
    """Read 5'10", a 55" screen, 2x4, 1920 × 1080 and 10x."""
    text = sentence.text
    if match := _SIZE.match(text, start):
        word = _times_or_by(sentence, match)
        parts = [amount(part) for part in (match[1], match[4], match[5]) if part]
        unit = {"'": " feet", '"': " inches"}.get(match[2], "")
        last = match.start(5) if match[5] else match.start(4)
        if measured := _measure(sentence, last, sentence.before(start)):
            return Reading(f" {word} ".join([*parts[:-1], measured.spoken]), measured.end)
        return Reading(f" {word} ".join(parts) + unit, match.end())
    if not sentence.has_equation and (match := _TIMES.match(text, start)):
        return Reading(f"{amount(match[1])} times", match.end())
    if (match := _FEET.match(text, start)) and (match[2] or not _in_quotes(sentence, start, "'")):
        if not match[2] and text[match.end() : match.end() + 1].isalnum():
            return None
        single = describes_noun(sentence.before(start), sentence.after(match.end())) or match[1] == "1"
        said = f"{amount(match[1])} {'foot' if match[2] or single else 'feet'}"
        if match[2] and match[0][-1] in "\"'":
            said += f" {amount(match[2])}" + ("" if single else " inch" if match[2] == "1" else " inches")
        elif match[2]:
            said += f" {amount(match[2])}"
        return Reading(said, match.end())
    if (match := _INCHES.match(text, start)) and not _in_quotes(sentence, start, '"'):
        return _inches(sentence, start, match)
    return None


def _inches(sentence: Sentence, start: int, match: re.Match[str]) -> Reading:
    single = match[1] == "1" or describes_noun(sentence.before(start), sentence.after(match.end()))
    said = amount(match[1])
    if match[3]:
        said += f" {'by' if match[2].strip() in 'x×' else 'to'} {amount(match[3])}"
    elif "/" in match[1] and not single:
        return Reading(f"{said} of an inch" if " " not in match[1] else f"{said} inches", match.end())
    return Reading(f"{said} {'inch' if single else 'inches'}", match.end())


def _times_or_by(sentence: Sentence, match: re.Match[str]) -> str:
    spaced = match[3] == "×" and " × " in match[0]
    following = sentence.after(match.end())
    return (
        "times"
        if spaced and (sentence.has_equation or following in ("is", "equals", "makes", "gives", "are") or not following)
        else "by"
    )


def _in_quotes(sentence: Sentence, start: int, quote: str) -> bool:
    """Whether a quotation is open at a place: then the mark behind a number closes it."""
    if quote == '"':
        return sentence.text.count(quote, max(0, start - 400), start) % 2 == 1
    return bool(re.search(r"(?:^|[ (\"])'(?=\w)", sentence.behind(start)))

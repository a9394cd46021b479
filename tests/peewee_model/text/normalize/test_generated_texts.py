"""T6: generated texts become known symbols or a named error; 10,000 with FAULTS=full, as `make faults` does.

Elsewhere a tenth of them.
"""

import os
import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peewee_model.errors import TextError
from peewee_model.text.normalize.characters import decode_text
from tests.peewee_model.text.normalize.test_normalizer import check

FRAGMENTS = [
    "Mr.", "Mrs.", "St.", "Dr.", "No.", "e.g.", "i.e.", "p.m.", "a.m.", "May", "March", "3", "12", "1999", "1/2",
    "10:30", "$", "£", "m", "kg", "km/h", "%", "°", "st", "nd", "th", "U.S.", "A.", "B.", "...", "--", "'", '"',
    "&", "@", "example.com", "https://", "www.", "(", ")", "½", "²", "é", "ß", "–", "—", "Jan.", "Feb", "etc.",
    "Inc.", "co.", "s", "80", "20", "'s", "00", ",", ".", ":", ";", "?", "!", "#", "/", "NASA", "CDs",
]  # fmt: skip
NUMERIC = st.text(alphabet="0123456789.,:/-–$£€%° '\"()aApPmMsStThHdDrRnN", max_size=24)
WRITTEN = st.lists(st.one_of(st.sampled_from(FRAGMENTS), NUMERIC), max_size=12)


SHARE = 1 if os.environ.get("FAULTS") == "full" else 10


def generated(count):
    return settings(max_examples=count // SHARE, derandomize=True, deadline=None, database=None,
                    suppress_health_check=list(HealthCheck))  # fmt: skip


@generated(3_000)
@given(st.text(max_size=40))
def test_any_unicode_becomes_known_symbols_or_an_error(text):
    """Never a symbol that the model has not."""
    check_or_refuse(text)


@generated(2_000)
@given(st.text(alphabet=st.characters(max_codepoint=0x24F), max_size=40))
def test_any_latin_text_becomes_known_symbols_or_an_error(text):
    """With accents and ligatures."""
    check_or_refuse(text)


@generated(2_500)
@given(NUMERIC)
def test_any_digits_and_signs_become_known_symbols(text):
    """Never an error, never a digit left over."""
    check_or_refuse(text, allowed="nothing to say")


@generated(2_000)
@given(WRITTEN, st.sampled_from(["", " "]))
def test_any_abbreviations_and_numbers_become_known_symbols(parts, joint):
    """In any order and number."""
    check_or_refuse(joint.join(parts), allowed="nothing to say")


@generated(500)
@given(st.binary(max_size=40))
def test_any_bytes_become_known_symbols_or_an_error(data):
    """A file may be anything."""
    try:
        text = decode_text(data)
    except TextError:
        return
    check_or_refuse(text)


def check_or_refuse(text, allowed="nothing to say|can't be spoken"):
    try:
        check(text)
    except TextError as error:
        assert re.search(allowed, str(error)), (text, error)

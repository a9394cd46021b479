"""T6: 40 hard texts become known symbols or a named error; and what is said for what."""

import re
import string
import time

import pytest

from peewee_model.errors import TextError
from peewee_model.text.normalize.characters import decode_text
from peewee_model.text.normalize.normalizer import MAX_CHARACTERS, normalize
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import PADDING, symbols_for

KNOWN = (set(symbols_for(TextConfig(units="graphemes", language="en-us"))) - {PADDING}) | set(string.ascii_uppercase)

# (name, text, what is said)
HARD_BUT_SAID = [
    ("one letter", "a", "a."),
    ("one digit", "7", "seven."),
    ("zero", "0", "zero."),
    ("spaces of all kinds", "\t one\u00a0two\u2003three\r\n four\u2028five ", "one two three four five."),
    ("zero width", "in\u200bvisi\u00adble\ufeff", "invisible."),
    ("accents composed", "Caf\u00e9 na\u00efve", "cafe naive."),
    ("accents decomposed", "Cafe\u0301 nai\u0308ve", "cafe naive."),
    ("stacked marks", "Z\u0351\u0343\u0334a\u0336\u0321lgo", "zalgo."),
    ("letters that do not decompose", "Straße, Ærø, Łódź", "strasse, aero, lodz."),
    ("full width", "Ｆｕｌｌ １２！", "full twelve!"),
    ("ligatures", "ﬁne ﬂow", "fine flow."),
    ("mathematical letters", "𝐁𝐨𝐥𝐝", "bold."),
    ("curly quotes", "“Don’t,” he said.", "don't, he said."),
    ("dashes", "one—two – three -- four", "one, two, three, four."),
    ("punctuation storm", "What?!?!... No!!!", "what? no!"),
    ("dots inside and after", "Well... yes...", "well, yes."),
    ("leading punctuation", "...,; and then", "and then."),
    ("open end", "It was,", "it was."),
    ("brackets", "It (the cat) [sic] sat", "it, the cat, sic, sat."),
    ("apostrophes and quotes", "'tis 'the' dogs' o'clock", "tis the dogs o'clock."),
    ("currency", "€5, £2.50 and ¥100", "five euros, two pounds and fifty pence and one hundred yen."),
    ("a sign alone", "% of $", "percent of dollars."),
    ("sixteen digits", "1111111111111111", "one" + 15 * " one" + "."),
    ("markdown", "**bold** _and_ `code`", "bold and code."),
    ("vulgar fraction and power", "2½ of 10²", "two and a half of ten squared."),
    ("emoji", "Nice 😀", "nice."),
    ("emoji of several", "A family 👨\u200d👩\u200d👧 came", "a family came."),
    ("skin, flag and key", "Fine 👍🏽, 🇩🇪 and 1\ufe0f\u20e3", "fine, and one."),
    ("bidi override", "abc \u202edef", "abc def."),
    ("bidi isolate", "one \u2067two\u2069", "one two."),
    ("exactly the limit", "ab " * 33_333 + ".", None),
]  # fmt: skip

# (name, text, what the error must name)
HARD_AND_REFUSED = [
    ("empty", "", "nothing to say"),
    ("spaces", " \n\t", "nothing to say"),
    ("punctuation alone", "?!...", "nothing to say"),
    ("accents alone", "\u0301\u0301", "nothing to say"),
    ("emoji alone", "👨\u200d👩\u200d👧", "nothing to say"),
    ("right to left", "שלום", "HEBREW LETTER SHIN, U\\+05E9"),
    ("NUL", "a\0b", "U\\+0000"),
    ("bell and escape", "\x07\x1b[31mred", "U\\+0007.*U\\+001B"),
    ("other scripts", "Привет 你好", "CYRILLIC CAPITAL LETTER PE.*and 3 more"),
    ("digits of another script", "٣ cats", "ARABIC-INDIC DIGIT THREE, U\\+0663"),
    ("lone surrogate", "a\ud800", "U\\+D800"),
    ("private use and unassigned", "\ue000\u0378", "U\\+E000.*U\\+0378"),
    ("beyond the limit", "a" * (MAX_CHARACTERS + 1), "100001 characters"),
    ("beyond the limit when said", "1" * MAX_CHARACTERS, "characters as written or said"),
]

BAD_BYTES = [
    ("latin-1", "café".encode("latin-1"), "byte 0xe9 at offset 3"),
    ("cut in a character", "né".encode()[:-1], "byte 0xc3 at offset 1"),
    ("overlong", b"a\xc0\xafb", "byte 0xc0 at offset 1"),
    ("surrogate", b"\xed\xa0\x80", "byte 0xed at offset 0"),
    ("UTF-16", "hi".encode("utf-16"), "byte 0x"),
]


def test_at_least_forty_hard_texts():
    """The table is not emptied by accident."""
    assert len(HARD_BUT_SAID) + len(HARD_AND_REFUSED) + len(BAD_BYTES) >= 40


@pytest.mark.parametrize(
    ("text", "said"), [case[1:] for case in HARD_BUT_SAID], ids=[case[0] for case in HARD_BUT_SAID]
)
def test_hard_text_is_said(text, said):
    """Numbers, dates, abbreviations, signs."""
    assert check(text) == (said or text.replace(" .", "."))


@pytest.mark.parametrize(("text", "named"), [pytest.param(*case[1:], id=case[0]) for case in HARD_AND_REFUSED])
def test_hard_text_is_refused_by_name(text, named):
    """The error shows the characters."""
    with pytest.raises(TextError, match=named):
        normalize(text)


@pytest.mark.parametrize(("data", "where"), [pytest.param(*case[1:], id=case[0]) for case in BAD_BYTES])
def test_bytes_that_are_not_utf8_are_refused_with_their_place(data, where):
    """An editor can go there."""
    with pytest.raises(TextError, match=where):
        decode_text(data)


def test_utf8_is_decoded_without_its_byte_order_mark():
    """It is no character of the text."""
    assert decode_text(b"\xef\xbb\xbfcaf\xc3\xa9") == "café"


CATEGORIES = {
    "cardinals": [
        ("21 cats", "twenty one cats."),
        ("1,200 and 1000000", "one thousand two hundred and one million."),
        ("101", "one hundred and one."),
        ("-5 or -3.5", "minus five or minus three point five."),
        ("3.14 and 0.5 and .5", "three point one four and zero point five and point five."),
        ("agent 007", "agent zero zero seven."),
        ("5-10 days, 3–5 days", "five to ten days, three to five days."),
        ("MP3, 4x4", "M P three, four by four."),
        ("555-1234", "five five five, one two three four."),
        ("version 1.2.3", "version one point two point three."),
        ("1,23", "one, twenty three."),
    ],
    "ordinals": [
        ("1st, 2nd, 3rd, 4th", "first, second, third, fourth."),
        ("the 22nd", "the twenty second."),
        ("the 1,000th", "the one thousandth."),
        ("12th-century", "twelfth century."),
    ],
    "years": [
        ("in 1998", "in nineteen ninety eight."),
        ("since 2005", "since two thousand and five."),
        ("In 2020,", "in twenty twenty."),
        ("1998 cats", "one thousand nine hundred and ninety eight cats."),
        ("from 1914 to 1918", "from nineteen fourteen to nineteen eighteen."),
        ("1914–18", "nineteen fourteen to eighteen."),
        ("the 1990s and the '80s", "the nineteen nineties and the eighties."),
        ("the 1800s", "the eighteen hundreds."),
    ],
    "money": [
        ("$1.50", "one dollar and fifty cents."),
        ("£20", "twenty pounds."),
        ("€5m", "five million euros."),
        ("$3.5 billion", "three point five billion dollars."),
        ("$0.99", "ninety nine cents."),
        ("-$5", "minus five dollars."),
        ("20€", "twenty euros."),
        ("£1.01", "one pound and one penny."),
        ("$1,200", "one thousand two hundred dollars."),
    ],
    "dates": [
        ("3 May 1999", "the third of may, nineteen ninety nine."),
        ("12/25/2020", "december twenty fifth, twenty twenty."),
        ("25/12/2020", "december twenty fifth, twenty twenty."),
        ("2020-12-25", "december twenty fifth, twenty twenty."),
        ("May 3rd", "may third."),
        ("May 3, 1999", "may third, nineteen ninety nine."),
        ("Jan. 5", "january fifth."),
        ("the 1st of June", "the first of june."),
        ("I may 5 times", "i may five times."),
        ("13/45/2020", "thirteen forty five over two thousand and twenty."),
    ],
    "times": [
        ("10:30", "ten thirty."),
        ("3 pm", "three P M."),
        ("10:05 a.m.", "ten oh five A M."),
        ("10:00", "ten o'clock."),
        ("14:30", "fourteen thirty."),
        ("7:05pm sharp", "seven oh five P M sharp."),
        ("At 10 p.m. He left", "at ten P M. he left."),
        ("5 p.m. Monday", "five P M monday."),
    ],
    "fractions and percentages": [
        ("1/2, 3/4 and 2/3", "one half, three quarters and two thirds."),
        ("1 1/2 cups", "one and a half cups."),
        ("50%", "fifty percent."),
        ("75.5 %", "seventy five point five percent."),
        ("24/7", "twenty four seven."),
    ],
    "units": [
        ("12 kg", "twelve kilograms."),
        ("1 kg", "one kilogram."),
        ("100 km/h", "one hundred kilometers per hour."),
        ("72°F and -5 °C", "seventy two degrees fahrenheit and minus five degrees celsius."),
        ("5 m²", "five square meters."),
        ("6ft", "six feet."),
    ],
    "abbreviations": [
        ("Mr. Smith and Mrs. Jones", "mister smith and missus jones."),
        ("Dr Brown", "doctor brown."),
        ("We met on Main St. near St. Peter.", "we met on main street near saint peter."),
        ("e.g. this, i.e. that", "for example this, that is that."),
        ("No. 5", "number five."),
        ("He said no. 'Go.'", "he said no. go."),
        ("bread, milk, etc. Then we left", "bread, milk, et cetera. then we left."),
        ("He sat. The sun.", "he sat. the sun."),
    ],
    "initials and acronyms": [
        ("J. R. R. Tolkien", "J R R tolkien."),
        ("the U.S.A. and the BBC", "the U S A and the B B C."),
        ("NASA said OK", "nasa said okay."),
        ("HELLO WORLD", "hello world."),
        ("two CDs", "two C D's."),
    ],
    "signs and addresses": [
        ("Rock & roll", "rock and roll."),
        ("3 + 4 = 7", "three plus four equals seven."),
        ("#5", "number five."),
        ("me@example.com", "me at example dot com."),
        ("See https://www.example.com/a-b.", "see W W W dot example dot com slash A dash B."),
    ],
}


@pytest.mark.parametrize(
    ("text", "said"),
    [pytest.param(*case, id=f"{category}: {case[0]}") for category, cases in CATEGORIES.items() for case in cases],
)
def test_text_is_said_as_a_reader_would(text, said):
    """What a person reads aloud."""
    assert check(text) == said


REPEATED = (
    "a@", "a.", "x ", "1,2.", "https://", "'", "1-", "1' ", '1"', "Aa.", "a_", "A. ", "[a](", "*a", " ( ", "1° ", "I ",
)  # fmt: skip


@pytest.mark.parametrize("part", REPEATED)
def test_normalising_takes_time_in_proportion_to_length(part):
    """Eight times the text takes eight times as long; where a pattern took quadratic time, it took sixty-four times."""

    def seconds(length):
        text = (part * length)[:length] + "a"
        started = time.process_time()
        try:
            normalize(text)
        except TextError as error:
            assert "characters as written or said" in str(error)
        return time.process_time() - started

    short = max(seconds(1_000), 0.02)  # less is the clock's own error, and no text that anybody waits for
    assert any(seconds(8_000) < 20 * short for _ in range(3))  # a busy machine slows one of them, not three


def check(text):
    said = normalize(text)
    assert set(said) <= KNOWN
    assert said[-1] in ".!?"
    assert said[0].isalpha()
    assert not re.search("[A-Z][A-Za-z]|[a-z][A-Z]", said)
    assert "  " not in said
    assert normalize(said) == said
    return said

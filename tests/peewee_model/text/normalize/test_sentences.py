"""Long text in pieces."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peewee_model.errors import ConfigError
from peewee_model.text.normalize.sentences import shorten, split_sentences


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("Mr. Smith has 3.5 cats. He left.", ["Mr. Smith has 3.5 cats.", "He left."]),
        (
            "Dr. J. R. Brown came. Mrs. Green, e.g. Anna, left.",
            ["Dr. J. R. Brown came.", "Mrs. Green, e.g. Anna, left."],
        ),
        ("He said no. It is No. 5.", ["He said no.", "It is No. 5."]),
        ("It was I. Then we left.", ["It was I.", "Then we left."]),
        ('"Stop!" she said. (Really?) Yes.', ['"Stop!" she said.', "(Really?)", "Yes."]),
        ("Well... maybe. Well... No.", ["Well... maybe.", "Well...", "No."]),
        ("I ... I don't. Then … I'll go. So... In a day", ["I ... I don't.", "Then … I'll go.", "So...", "In a day"]),
        ("See example.com now. Go.", ["See example.com now.", "Go."]),
        ("  One.\n\nTwo. ", ["One.", "Two."]),
        ("", []),
        (" \n ", []),
    ],
)
def test_text_is_split_at_the_ends_of_sentences_only(text, pieces):
    """A dot of an abbreviation is no end."""
    assert split_sentences(text) == pieces


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("one two three, four five six seven", 20, ["one two three,", "four five six seven"]),
        ("one two three four five", 10, ["one two", "three four", "five"]),
        ("a, bbbb cccc dddd", 12, ["a, bbbb cccc", "dddd"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
    ],
)
def test_long_sentence_is_split_at_a_clause_else_a_word_else_anywhere(text, limit, pieces):
    """The best place that there is."""
    assert shorten(text, limit) == pieces


def test_limit_below_one_is_an_error():
    """No piece could be that short."""
    with pytest.raises(ConfigError, match="max_characters is 0"):
        shorten("one", 0)


@settings(max_examples=1_000, derandomize=True, deadline=None, database=None)
@given(st.text(alphabet="abI .,!?:'\n5", max_size=80), st.integers(1, 30))
def test_no_letter_is_lost_and_no_piece_is_too_long(text, limit):
    """For any text and limit."""
    pieces = [piece for sentence in split_sentences(text) for piece in shorten(sentence, limit)]
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(piece and len(piece) <= limit for piece in pieces)

import json

import pytest

from peewee_model.plain_line import LONGEST, PlainLineError, check_plain_line, fitted, plain_line
from tests.unreadable import READABLE, TEXTS


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_text_that_not_everybody_can_read_is_refused(text):
    """T28: the error is one line that can be printed anywhere, and names what was wrong and where."""
    for check in (plain_line, check_plain_line):
        with pytest.raises(PlainLineError, match=r"^--reason (holds|has) ") as caught:
            check(text, "--reason")
        assert len(str(caught.value)) < 500
        assert str(caught.value).isascii()


@pytest.mark.parametrize("text", READABLE)
def test_text_of_any_language_stays_as_it_is(text):
    """Names of people are not to be corrected; JSON gives them back."""
    assert plain_line(text, "--reason") == text
    assert json.loads(json.dumps(text)) == text


def test_byte_that_is_no_character_is_named_as_a_byte():
    """Who typed it sees which one it was, and where."""
    with pytest.raises(PlainLineError, match="holds the byte 0xFC, which is no UTF-8 at character 2"):
        plain_line("f\udcfcr Tester", "--reason")


def test_lines_of_a_reason_become_one():
    """A shell's quotes, and a form's text field, let people type several."""
    assert plain_line("  for\n\ttesters \r\n", "--reason") == "for testers"
    with pytest.raises(PlainLineError, match=r"holds '\\n'"):
        check_plain_line("for\ntesters", "--reason")


@pytest.mark.parametrize("text", ["", "  ", "\n\t", "\u3000"])
def test_blank_text_is_refused(text):
    """It says nothing."""
    with pytest.raises(PlainLineError, match="--reason is blank"):
        plain_line(text, "--reason")


def test_longest_line_is_taken_and_one_character_more_is_not():
    """The limit itself is a length that one may have."""
    assert plain_line("x" * LONGEST, "--reason") == "x" * LONGEST
    with pytest.raises(PlainLineError, match=f"has {LONGEST + 1} characters; write {LONGEST} at most"):
        plain_line("x" * (LONGEST + 1), "--reason")


@pytest.mark.parametrize("text", [*TEXTS.values(), *READABLE, "two\nlines  of a tool"])
def test_what_a_program_says_is_made_to_fit(text):
    """It is written for others as well, and no person can type it anew."""
    line = fitted(text)
    check_plain_line(line, "it")
    assert len(line) == min(len(line), LONGEST)
    assert fitted(line) == line


def test_long_words_of_a_program_show_that_they_were_cut():
    """Their beginning is kept."""
    assert fitted("abcdefgh ij", 9) == "abcdef..."
    assert fitted("abcdefghi", 9) == "abcdefghi"

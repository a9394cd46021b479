"""Text that others will read."""

import json
import subprocess
from pathlib import Path

import pytest

from peewee_model.public_text import (
    LONGEST,
    PlainLineError,
    check_plain_line,
    fitted,
    masked,
    plain_line,
    without_secrets,
)
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


ROOT = Path(__file__).parents[2]
SECRET = "hunter2"
KINDS = {
    "user and password": (f"https://ada:{SECRET}@host/a/b", "https://***@host/a/b"),
    "token alone": (f"https://{SECRET}@host/a", "https://***@host/a"),
    "password with an at sign": (f"https://ada:p@{SECRET}@host/a", "https://***@host/a"),
    "password with a slash": (f"https://ada:p/{SECRET}@host/a", "https://***@host/a"),
    "password with a question mark": (f"https://ada:p?{SECRET}@host/a", "https://***@host/a"),
    "password with a hash": (f"https://ada:p#{SECRET}@host/a", "https://***@host/a"),
    "password with a quote": (f"https://ada:'{SECRET}@host/a", "https://***@host/a"),
    "password and no host": (f"https://ada:{SECRET}", "https://***"),
    "password before an IPv6 host": (f"https://ada:{SECRET}@[::1]:9000/a", "https://***@[::1]:9000/a"),
    "keys of S3": (f"s3://key:{SECRET}@bucket/a", "s3://***@bucket/a"),
    "git over ssh": (f"ssh://git:{SECRET}@host:22/a.git", "ssh://***@host:22/a.git"),
    "database": (f"postgresql+psycopg2://airflow:{SECRET}@db/airflow", "postgresql+psycopg2://***@db/airflow"),
    "presigned URL": (f"https://host/a?X-Amz-Signature={SECRET}&b=c", "https://host/a?***"),
    "query of one word": (f"https://host/a?{SECRET}", "https://host/a?***"),
    "fragment": (f"https://host/a#access_token={SECRET}", "https://host/a"),
    "all at once": (f"https://u:{SECRET}@host/a?s={SECRET}#{SECRET}", "https://***@host/a?***"),
    "without a scheme": (f"ada:{SECRET}@host:3128", "***@host:3128"),
    "in a sentence": (f"see https://u:{SECRET}@host/a, or try again", "see https://***@host/a, or try again"),
    "in quotes": (f"('https://host/a?s={SECRET}', 'b')", "('https://host/a?***', 'b')"),
    "two in a sentence": (f"http://u:{SECRET}@a and s3://b/c?{SECRET}", "http://***@a and s3://b/c?***"),
    "path in a sentence": (f"max retries with url: /a/b?sig={SECRET} (x)", "max retries with url: /a/b?*** (x)"),
    "proxy in a sentence": (f"can't use proxy u:{SECRET}@proxy:3128 now", "can't use proxy ***@proxy:3128 now"),
}
HARMLESS = (
    "https://host/a@b", "https://host:9000/a@b", "s3://bucket/voices@stable", "s3://bucket/@0123456789abcdef",
    "mini:train", "file:///a/b@c", "git@host:a/b.git", "/a@b/store", "http://[::1]:9000/a", "why? nobody knows",
    "s3://bucket/x: http://127.0.0.1:9000 can't be reached; is it there?", "ada@example.org", "",
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_secret_is_hidden_and_the_rest_is_shown(kind):
    """A person still sees which server and which file."""
    text, shown = KINDS[kind]
    assert SECRET in text
    assert masked(text) == shown
    assert masked(shown) == shown


@pytest.mark.parametrize("text", HARMLESS)
def test_what_holds_no_secret_is_shown_whole(text):
    """An address that a user must recognise stays as it is."""
    assert masked(text) == text


def test_secrets_in_plain_data_are_hidden_at_any_depth():
    """Only URLs are changed: a text with a question mark is no URL."""
    data = {"a": [{"url": f"https://u:{SECRET}@h/x"}, 3, None], "text": "who? me#1 a:b@c"}
    assert without_secrets(data) == {"a": [{"url": "https://***@h/x"}, 3, None], "text": "who? me#1 a:b@c"}


def test_there_is_one_rule():
    """No module writes a mask of its own."""
    found = subprocess.run(
        ["git", "grep", "-lF", "***", "--", "peewee_model/*.py", "pipeline/*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["peewee_model/public_text.py"]

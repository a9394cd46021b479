"""How long pauses are, and those that are written in a text."""

import math
import time

import pytest

from peewee_model.errors import ConfigError, TextError
from peewee_model.script.pauses import PAUSES, Pauses, read_written


def test_kinds_are_ordered_by_their_length():
    """A paragraph, a sentence, what is within one."""
    assert PAUSES.paragraph_s > PAUSES.sentence_s > PAUSES.ellipsis_s >= PAUSES.dash_s >= PAUSES.clause_s
    assert PAUSES.semicolon_s == PAUSES.dash_s


@pytest.mark.parametrize("value", [-0.1, 10.1, math.nan, math.inf, "1", None])
def test_length_that_is_none_is_refused(value):
    """By its name."""
    with pytest.raises(ConfigError, match=r"dash_s is .*; a pause has 0 to 10 seconds"):
        Pauses(dash_s=value)


@pytest.mark.parametrize(
    ("tag", "seconds"),
    [
        ('<break time="500ms"/>', 0.5), ("<break time='0.5s' />", 0.5), ('<BREAK TIME=".5s">', 0.5),
        ('<break time="10s"></break>', 10.0), ('<break time = " 50 ms " />', 0.05),
    ],
)  # fmt: skip
def test_written_pause_is_read(tag, seconds):
    """As SSML has it, in the ways in which people write it."""
    text, written = read_written(f"one {tag} two")
    (mark,) = written
    assert written[mark] == pytest.approx(seconds)
    assert text == f"one,{mark}  two"


@pytest.mark.parametrize(
    "tag",
    [
        "<break/>", "<break>", "</break>", '<break time="5"/>', '<break time="1m"/>', '<break time="-1s"/>',
        '<break time="1s/>', '<break strength="strong"/>', '<break time="0s"/>', '<break time="10.1s"/>',
        '<break time="49ms"/>', '<break time="1e3ms"/>', '<break time="nans"/>', "<break time", "< break >",
        '<break time="1s" strength="none"/>', "<break\ntime=>",
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_what_to_write(tag):
    """No tag is read aloud, and none is dropped."""
    with pytest.raises(TextError, match='write <break time="500ms"/>, with'):
        read_written(f"one {tag} two")


def test_words_that_are_no_tag_stay():
    """People write about breaks."""
    for text in ("a break <3", "broken < a break", "<breakfast>", "take a <b>break</b>"):
        assert read_written(text) == (text, {})


def test_pauses_without_a_word_between_them_are_one():
    """Ten seconds and ten more."""
    _, written = read_written('one <break time="10s"/> ... <break time="10s"/>, two <break time="1s"/>')
    assert list(written.values()) == [20.0, 1.0]


def test_all_pauses_of_a_text_are_bounded():
    """A text of a page is no hour of silence; and not more marks than there are."""
    with pytest.raises(TextError, match="more than 600 s together"):
        read_written('a <break time="10s"/> ' * 61)
    with pytest.raises(TextError, match="more than 6400 written pauses"):
        read_written('a <break time="50ms"/> ' * 6401)


@pytest.mark.parametrize(
    "part", ["<", "<break", "< ", "</", "<break time='", "<break " + " " * 50, '<break time="50ms"/>']
)
def test_reading_takes_time_in_proportion_to_length(part):
    """No pattern looks through a text again and again."""
    started = time.process_time()
    try:
        read_written((part * 100_000)[:100_000])
        read_written("<" + " " * 100_000)
    except TextError:
        pass
    assert time.process_time() - started < 1

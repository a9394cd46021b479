"""Placeholders for taught words while a text is read."""

from peewee_model.script.placeholders import Placeholders


def test_each_word_comes_back_however_many_there_are():
    """More than the syllables can tell apart in one place."""
    placeholders = Placeholders("")
    said = [f"said {number}" for number in range(3_200)]
    words = [placeholders.add("word", one) for one in said]
    assert len(set(words)) == len(said)
    assert [placeholders.put_back(word) for word in words] == said


def test_placeholder_is_written_like_the_word():
    """The readers tell names and shouting from words by capitals."""
    placeholders = Placeholders("")
    assert placeholders.add("SQL", "a").isupper()
    assert placeholders.add("Nguyen", "a").istitle()
    assert placeholders.add("C++", "a").istitle()
    assert placeholders.add("gnu", "a").islower()
    assert placeholders.add("東京", "a").islower()

"""A text of a whole recording, divided between its clips."""

from pipeline.preparation.texts import align

TEXT = "Mr. Smith paid $5, and went home. It was raining; nobody saw him! The end."


def test_words_go_where_they_were_recognised():
    """Numbers and punctuation stay as they were written."""
    said = align(
        TEXT, ["mister smith paid five dollars and went home", "it was raining nobody saw him", "the end"], "en-us"
    )
    assert [one.text for one in said] == [
        "Mr. Smith paid $5, and went home.", "It was raining; nobody saw him!", "The end.",
    ]  # fmt: skip
    assert all(one.cer < 0.2 for one in said)


def test_a_clip_that_says_something_else_has_a_high_cer():
    """And one of which the text says nothing has no words."""
    said = align(
        "One two three four. Seven eight nine ten.", ["one two three four", "a b c", "seven eight nine ten"], "en-us"
    )
    assert said[0].cer == said[2].cer == 0.0
    assert said[1].cer == 1.0 and said[1].text == ""


def test_misheard_words_stay_between_their_neighbours():
    """Those that the recogniser missed too."""
    said = align("The quick brown fox jumps over the lazy dog.", ["the quick frown fox", "over the lazy dog"], "en-us")
    assert said[0].text.startswith("The quick brown fox")
    assert said[1].text == "over the lazy dog."

import pytest

from pipeline.evaluation.recognition import compared_words, plain_words, transcription_error_rates


def test_words_are_compared_without_case_and_punctuation():
    """A recogniser writes neither."""
    assert plain_words(" ‘Don’t,’ she said -- twice!") == "don't she said twice"
    assert plain_words("L'été_là") == "l'été là"


def test_transcription_error_rates_are_edits_over_all_references():
    """One word of four is wrong by one letter, one word is missing: 2 of 6 words, 1 + 4 of 23 characters."""
    cer, wer = transcription_error_rates(["The cat sat down.", "go on"], ["the cat sit down", "go"])
    assert wer == pytest.approx(2 / 6)
    assert cer == pytest.approx((1 + 3) / (16 + 5))


def test_nothing_heard_is_all_wrong():
    """An empty hypothesis has an error rate of 1."""
    assert transcription_error_rates(["go on"], [""]) == (1.0, 1.0)


def test_numbers_are_compared_as_they_are_said():
    """A recogniser may write digits where the text has words, and the other way round."""
    assert compared_words("He's bought 40 pounds!") == "he's bought forty pounds"
    assert transcription_error_rates(["forty pounds in ten days"], ["40 pounds in 10 days."]) == (0.0, 0.0)
    assert compared_words("40 Tage", "de") == "40 tage"
    assert compared_words("...") == ""


def test_an_utterance_that_is_not_understood_weighs_as_much_as_its_text():
    """What a recogniser invents beyond it does not count."""
    invented = "the world is the world " * 20
    assert transcription_error_rates(["go on"], [invented]) == (1.0, 1.0)
    cer, wer = transcription_error_rates(["go on", "go on then"], [invented, "go on then"])
    assert (cer, wer) == (5 / 15, 2 / 5)

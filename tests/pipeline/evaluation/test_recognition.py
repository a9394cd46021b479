import numpy as np
import pytest

from pipeline.evaluation.recognition import PocketSphinx, plain_words, transcription_error_rates


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


def test_recognizer_hears_each_utterance_as_if_it_were_the_first():
    """If the decoder adapted to earlier utterances, results would depend on order and on the number of workers."""
    rng = np.random.default_rng(0)
    t = np.arange(24_000) / 24_000
    buzz = (0.3 * np.sign(np.sin(2 * np.pi * 150 * t)) * (1 + np.sin(8 * t)) * rng.random(24_000)).astype(np.float32)
    hiss = (0.2 * rng.normal(size=24_000)).astype(np.float32)
    fresh = PocketSphinx().recognize(buzz, 24_000)
    decoder = PocketSphinx()
    decoder.recognize(hiss, 24_000)
    assert decoder.recognize(buzz, 24_000) == fresh
    assert decoder.recognize(np.zeros(0, dtype=np.float32), 24_000) == ""

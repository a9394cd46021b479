"""The distance of the recognized text from the intended text."""

import contextlib
import re
from collections.abc import Sequence

from peewee_model.errors import TextError
from peewee_model.text.normalize.normalizer import normalize


def plain_words(text: str) -> str:
    """Lower-case words without punctuation."""
    words = re.sub(r"[^\w' ]|_", " ", text.lower().replace("’", "'")).split()
    return " ".join(word for word in (word.strip("'") for word in words) if word)


def compared_words(text: str, language: str = "en-us") -> str:
    """Write a text as both sides of a comparison are written: plain words, and numbers as words.

    A recogniser may write "40" where the text says "forty". Numbers become words for English only.
    """
    if language.startswith("en"):
        with contextlib.suppress(TextError):  # what has no reading is compared as it is
            text = normalize(text)
    return plain_words(text)


def transcription_error_rates(
    references: Sequence[str], hypotheses: Sequence[str], language: str = "en-us"
) -> tuple[float, float]:
    """Character and word error rates: edits over all utterances divided by the references' length.

    An utterance has as many edits as its text is long, at most: a recogniser that repeats a sentence over and over, as
    Moonshine and Whisper do where they understand nothing, would else weigh more than all others.

    Args:
        references: The intended texts. None of them is empty.
        hypotheses: The recognized texts.
        language: Of both.
    """
    import jiwer

    said = [compared_words(text, language) for text in references]
    recognized = [compared_words(text, language) for text in hypotheses]
    pairs = list(zip(said, recognized, strict=True))
    characters, words = [len(text) for text in said], [len(text.split()) for text in said]
    return (
        _capped([jiwer.cer(*pair) for pair in pairs], characters),
        _capped([jiwer.wer(*pair) for pair in pairs], words),
    )


def _capped(rates: Sequence[float], lengths: Sequence[int]) -> float:
    return float(sum(min(1.0, rate) * length for rate, length in zip(rates, lengths, strict=True)) / sum(lengths))

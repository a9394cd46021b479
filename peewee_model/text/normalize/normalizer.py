"""Converts written text to spoken text: words in small letters, letters as capitals, and punctuation that is heard.

A text goes through four steps. `markup` removes what formats it. `characters` writes it in plain characters.
`sentences` splits it. The readers classify and say what a sentence holds, from left to right, each where the last one
ended; what is said is not read again. Normalising a normalised text changes nothing. English only.
"""

import re

from peewee_model.errors import TextError
from peewee_model.text.normalize.characters import fold
from peewee_model.text.normalize.letters import LETTER_A, is_letter_a
from peewee_model.text.normalize.markup import plain_paragraphs
from peewee_model.text.normalize.readers import read
from peewee_model.text.normalize.sentence import Sentence
from peewee_model.text.normalize.sentences import shorten, split_sentences

MAX_CHARACTERS = 100_000
"""Of a text and of its normal form: about two hours of speech."""

_MAX_ROUNDS = 6
_SPACES = re.compile(" {2,}")
_MARKS = re.compile(r" ?[!,.:;?][ !,.:;?]*")
_LETTER_AT_START = re.compile(r"(?:^|(?<=[.!?] ))A(?= [a-z])")


def normalize(text: str) -> str:
    """Write a text as it is said.

    Raises:
        TextError: If the text has nothing to say, is longer than `MAX_CHARACTERS`, or holds characters that can't be
            said; they are named.
    """
    return " ".join(_stable_sentences(text))


def spoken_sentences(text: str, max_characters: int = 200) -> list[str]:
    """Write a text as it is said, a sentence at a time.

    Args:
        text: As written.
        max_characters: Of a sentence; a longer one is split at a clause, else between words.

    Raises:
        TextError: As `normalize`.
        ConfigError: If `max_characters` is below 1.
    """
    pieces = (piece for sentence in _stable_sentences(text) for piece in shorten(sentence, max_characters))
    return [_with_letters(_tidy(piece)) for piece in pieces if any(character.isalpha() for character in piece)]


def _stable_sentences(text: str) -> list[str]:
    """Say a text. Read again, what is said must stay as it is; for nearly every text it does at once."""
    sentences = _sentences(text)
    for _ in range(_MAX_ROUNDS):
        said = " ".join(sentences)
        again = _sentences(said)
        if " ".join(again) == said:
            return sentences
        sentences = again
    raise TextError(f"the text {text[:40]!r} has no stable reading; simplify its punctuation")


def _sentences(text: str) -> list[str]:
    _check_length(text)
    said: list[str] = []
    n_characters = 0
    for paragraph in plain_paragraphs(text):
        for sentence in split_sentences(fold(paragraph)):
            spoken = _once(sentence)
            n_characters += len(spoken) + bool(said and spoken)
            _check_length(text, n_characters)
            if spoken:
                said.append(spoken)
    if not said:
        raise TextError("the text has nothing to say: it holds no letter and no digit; give it words")
    return said


def _once(sentence: str) -> str:
    said = _tidy(read(Sentence(sentence)))
    return _with_letters(said) if re.search("[A-Za-z]", said) else ""


def _with_letters(said: str) -> str:
    return _LETTER_AT_START.sub(lambda match: "A" if is_letter_a(Sentence(said), match.start()) else LETTER_A, said)


def _check_length(text: str, n_characters: int = 0) -> None:
    n_characters = n_characters or len(text)
    if n_characters > MAX_CHARACTERS:
        raise TextError(
            f"the text has {n_characters} characters as written or said, {MAX_CHARACTERS} are the most; split it"
        )


def _tidy(text: str) -> str:
    text = _SPACES.sub(" ", text)  # first: the marks would look through a run of spaces again and again
    text = re.sub(r"\.(?: ?\.)+", ",", text.rstrip(" ."))  # three dots are a pause, unless they end the text

    def strongest(match: re.Match[str]) -> str:
        return next(mark for mark in "?!.:;," if mark in match[0]) + " "

    text = _MARKS.sub(strongest, text)
    text = text.strip(" ").lstrip("!,.:;? ").rstrip(",:; ")
    return text if text.endswith((".", "!", "?")) else text + "."

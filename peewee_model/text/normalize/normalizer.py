"""Converts written text to spoken text: words in small letters, letters as capitals, and punctuation that is heard.

A text goes through four steps. `markup` removes what formats it. `characters` writes it in plain characters.
`sentences` splits it. The readers classify and say what a sentence holds, from left to right, each where the last one
ended; what is said is not read again. Normalising a normalised text changes nothing. English only.
"""

import re
from typing import NamedTuple

from peewee_model.errors import TextError
from peewee_model.text.normalize.characters import fold
from peewee_model.text.normalize.letters import LETTER_A, is_letter_a
from peewee_model.text.normalize.markup import plain_paragraphs
from peewee_model.text.normalize.readers import read
from peewee_model.text.normalize.sentence import DASH, ELLIPSIS, PRIVATE, Sentence
from peewee_model.text.normalize.sentences import shorten, split_sentences

MAX_CHARACTERS = 100_000
"""Of a text and of its normal form: about two hours of speech."""
PARAGRAPH = "¶"
SENTENCE = "."
CLAUSE = ","

_MAX_ROUNDS = 6
_SPACES = re.compile(" {2,}")
_DOTS = re.compile(r"\.(?: ?\.)+")
_MARKS = re.compile(f" ?[!,.:;?{DASH}{ELLIPSIS}{PRIVATE}][ !,.:;?{DASH}{ELLIPSIS}{PRIVATE}]*")
_COMMAS = re.compile(f"[{DASH}{ELLIPSIS}{PRIVATE}]")
_OWN = re.compile(f"[{PRIVATE}]")
_LETTER_AT_START = re.compile(r"(?:^|(?<=[.!?] ))A(?= [a-z])")
_EDGE = f" !,.:;?{DASH}{ELLIPSIS}"


class Said(NamedTuple):
    """A sentence as it is said."""

    marked: str
    """Its normal form, in which a comma that a dash, three dots or a caller's mark made is still that character."""
    joint: str
    """What is before it: `PARAGRAPH`, `SENTENCE`, within a sentence the mark or `CLAUSE`, or the caller's marks."""

    @property
    def text(self) -> str:
        """Its normal form."""
        return _COMMAS.sub(",", self.marked)


def normalize(text: str) -> str:
    """Write a text as it is said.

    Raises:
        TextError: If the text has nothing to say, is longer than `MAX_CHARACTERS`, or holds characters that can't be
            said; they are named.
    """
    return _joined(_stable_sentences(text))


def said_sentences(text: str, marks: str = "", max_characters: int = 200) -> list[Said]:
    """Write a text as it is said, a sentence at a time, with what is between and within the sentences.

    Args:
        text: As written.
        marks: Characters of Unicode's private use that the caller put into the text. They are kept in their places; for
            everything else they are commas.
        max_characters: Of a sentence; a longer one is split at a clause, else between words.

    Returns:
        The sentences; where marks are behind the last one, another one without text.

    Raises:
        TextError: As `normalize`.
        ConfigError: If `max_characters` is below 1.
    """
    found = []
    for marked, joint in _stable_sentences(text, marks):
        pieces = shorten(marked, max_characters)
        if not pieces:
            found.append(Said("", joint))
        for piece in pieces:
            if any(character.isalpha() for character in piece):
                found.append(Said(_with_letters(_tidy(piece)), joint))
                joint = piece[-1] if _MARKS.fullmatch(piece[-1]) else CLAUSE
    return found


def _stable_sentences(text: str, marks: str = "") -> list[Said]:
    """Say a text. Read again, what is said must stay as it is; for nearly every text it does at once."""
    sentences = _sentences(text, marks)
    for _ in range(_MAX_ROUNDS):
        said = _joined(sentences)
        again = _sentences(said)
        if _joined(again) == said:
            return sentences
        sentences = again if len(again) != len(sentences) else _with_joints(again, sentences)
    raise TextError(f"the text {text[:40]!r} has no stable reading; simplify its punctuation")


def _with_joints(again: list[Said], before: list[Said]) -> list[Said]:
    return [
        old if old.text == new.text else new._replace(joint=old.joint) for new, old in zip(again, before, strict=True)
    ]


def _joined(sentences: list[Said]) -> str:
    return " ".join(sentence.text for sentence in sentences if sentence.marked)


def _sentences(text: str, marks: str = "") -> list[Said]:
    _check_length(text)
    said: list[Said] = []
    n_characters = 0
    written = ""  # marks since the last sentence
    for paragraph in plain_paragraphs(text):
        joint = PARAGRAPH
        for sentence in split_sentences(fold(paragraph, marks)):
            before, spoken, after = _once(sentence, marks)
            written += before
            n_characters += len(spoken) + bool(said and spoken)
            _check_length(text, n_characters)
            if spoken:
                said.append(Said(spoken, written or joint))
                joint, written = SENTENCE, ""
            written += after
    if not said:
        raise TextError("the text has nothing to say: it holds no letter and no digit; give it words")
    return [*said, Said("", written)] if written else said


def _once(sentence: str, marks: str) -> tuple[str, str, str]:
    """Say a sentence: the marks before it, the sentence, the marks behind it."""
    spoken, before, after = read(Sentence(sentence)), "", ""
    if marks:
        middle = spoken.strip(_EDGE + marks)
        head, _, tail = spoken.partition(middle) if middle else (spoken, "", "")
        before, after = ("".join(character for character in edge if character in marks) for edge in (head, tail))
        spoken = middle + "".join(character for character in tail if character not in marks)
    said = _tidy(spoken)
    return before, _with_letters(said) if re.search("[A-Za-z]", said) else "", after


def _with_letters(marked: str) -> str:
    said = Sentence(_COMMAS.sub(",", marked))
    return _LETTER_AT_START.sub(lambda match: "A" if is_letter_a(said, match.start()) else LETTER_A, marked)


def _check_length(text: str, n_characters: int = 0) -> None:
    n_characters = n_characters or len(text)
    if n_characters > MAX_CHARACTERS:
        raise TextError(
            f"the text has {n_characters} characters as written or said, {MAX_CHARACTERS} are the most; split it"
        )


def _tidy(text: str) -> str:
    text = _SPACES.sub(" ", text)  # first: the marks would look through a run of spaces again and again
    text = _DOTS.sub(ELLIPSIS, text.rstrip(" ."))  # three dots are a pause, unless they end the text
    text = _MARKS.sub(_strongest, text)
    text = text.strip(" ").lstrip(_EDGE).rstrip(f",:; {DASH}{ELLIPSIS}")
    return text if text.endswith((".", "!", "?")) else text + "."


def _strongest(match: re.Match[str]) -> str:
    """Keep one of several marks: a caller's, so that none is lost; else the strongest, of dots and dashes the dots."""
    marks = match[0].replace(" ", "")
    own = _OWN.search(marks)
    return (own[0] if own else next(mark for mark in f"?!.:;{ELLIPSIS}{DASH}," if mark in marks)) + " "

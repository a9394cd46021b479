"""A text as a voice speaks it: its sentences, with the pauses between and within them."""

from dataclasses import dataclass

from peewee_model.script.lexicon import Lexicon, LexiconSource
from peewee_model.script.pauses import PAUSES, Pauses, read_written
from peewee_model.text.normalize.characters import unspoken
from peewee_model.text.normalize.normalizer import said_sentences
from peewee_model.text.symbols.tokenizer import MARKS


@dataclass(frozen=True)
class Piece:
    """A sentence, or a part of a long one."""

    text: str
    """As it is said; a word that is taught by phonemes is in braces."""
    before_s: float
    """Seconds of silence before it."""
    within_s: tuple[float | None, ...]
    """For each of its marks of punctuation the seconds of silence there; None where the network decides."""


@dataclass(frozen=True)
class Script:
    """What is spoken for a text."""

    pieces: tuple[Piece, ...]
    after_s: float
    """Seconds of silence at the end."""
    unspoken: tuple[str, ...]
    """Characters that are left out, because no reader says them."""


def write_script(
    text: str, lexicon: LexiconSource | None = None, pauses: Pauses = PAUSES, max_characters: int = 200
) -> Script:
    """Write what is spoken for a text.

    Args:
        text: As written. `<break time="500ms"/>` in it is a pause.
        lexicon: Words that are taught.
        pauses: How long each kind is.
        max_characters: Of a piece; a longer sentence is split at a clause, else between words.

    Raises:
        TextError: If there is nothing to say, or a character or a written pause can't be read.
        ConfigError: If the lexicon or `max_characters` can't be used.
    """
    marked, written = read_written(text)
    marked, placeholders = Lexicon.of(lexicon).mark(marked)
    pieces: list[Piece] = []
    after_s = 0.0
    within = pauses.within | written
    for said in said_sentences(marked, "".join(written), max_characters):
        before_s = sum(written[mark] for mark in said.joint) if said.joint[0] in written else pauses.between(said.joint)
        if not said.marked:
            after_s = before_s
            continue
        at_marks = tuple(within.get(mark) for mark in said.marked if mark in MARKS or mark in within)
        starts = not pieces and said.joint[0] not in written
        pieces.append(Piece(placeholders.put_back(said.text), 0.0 if starts else before_s, at_marks))
    return Script(tuple(pieces), after_s, tuple(unspoken(marked)))


def spoken_sentences(text: str, max_characters: int = 200, lexicon: LexiconSource | None = None) -> list[str]:
    """Write a text as it is said, a sentence at a time; the arguments and errors are those of `write_script`."""
    return [piece.text for piece in write_script(text, lexicon, max_characters=max_characters).pieces]

"""Turns a text into the lines that a synthesizer speaks."""

import hashlib
from dataclasses import dataclass

from peewee_model.cloning.speaking import Line
from peewee_model.errors import ConfigError
from peewee_model.script.lexicon import Lexicon
from peewee_model.script.pauses import Pauses
from peewee_model.script.script import write_script
from peewee_model.text.symbols.tokenizer import Tokenizer


@dataclass(frozen=True)
class Lines:
    """What is spoken for a text."""

    lines: tuple[Line, ...]
    after_s: float
    """Seconds of silence at the end."""
    unspoken: tuple[str, ...]
    """Characters of the text that are left out."""


def write_lines(text: str, tokenizer: Tokenizer, seed: int, lexicon: Lexicon, pauses: Pauses) -> Lines:
    """Write the lines of a text, each with its tokens, its seed and its pauses.

    Raises:
        TextError: If there is nothing to say, or a character has no symbol.
        ConfigError: If the lexicon has phonemes, and the voice reads letters.
    """
    entry = lexicon.taught_by_phonemes()
    if entry and tokenizer.config.units == "graphemes":
        raise ConfigError(
            f"{entry.place} teaches {entry.word!r} by phonemes, and this voice reads letters; write a spelling"
        )
    script = write_script(text, lexicon, pauses)
    lines = []
    for number, piece in enumerate(script.pieces):
        tokens = tuple(tokenizer.encode(piece.text))
        at_marks = zip(tokenizer.marks(tokens), piece.within_s, strict=True)
        within = tuple((token, seconds) for token, seconds in at_marks if seconds is not None)
        lines.append(Line(piece.text, tokens, _line_seed(seed, number), piece.before_s, within))
    return Lines(tuple(lines), script.after_s, script.unspoken)


def _line_seed(seed: int, number: int) -> int:
    """Derive the seed of one sentence from the text's seed and the sentence's number: 63 bits of their hash."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8]) >> 1

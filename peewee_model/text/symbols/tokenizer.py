"""The symbols that a synthesizer reads, and the conversion of a normalised text to their numbers."""

import re
from collections.abc import Iterable

from peewee_model.errors import TextError, describe_characters
from peewee_model.text.symbols.config import TextConfig

PADDING = "<pad>"
"""The symbol number 0; no text contains it."""

PUNCTUATION = " !',.:;?"

GRAPHEMES = (PADDING, *PUNCTUATION, *"abcdefghijklmnopqrstuvwxyz")

# The phonemes of espeak-ng for the 125,000 words of CMU's dictionary, in its five British, American and Caribbean
# accents. The apostrophe needs no symbol here, because the phonemes already show how it is pronounced.
PHONEMES = (
    PADDING,
    *PUNCTUATION.replace("'", ""),
    *"abdefhijklmnoprstuvwxz",
    # æðŋɐɑɒɔəɚɛɜɡɪɬɹɾ and ʃʉʊʌʍʒʔθᵻ
    *"\u00e6\u00f0\u014b\u0250\u0251\u0252\u0254\u0259\u025a\u025b\u025c\u0261\u026a\u026c\u0279\u027e",
    *"\u0283\u0289\u028a\u028c\u028d\u0292\u0294\u03b8\u1d7b",
    *"\u02b2\u02c8\u02cc\u02d0\u0303\u0329\u032a",  # palatal, stress, second stress, long, nasal, syllabic, dental
)

_CLAUSE = re.compile(r"([!,.:;?])")
_LETTER = re.compile(r"(?<![A-Za-z'])[A-Z](?![A-Za-z])")
_LETTER_A = re.compile(r"(?<![A-Za-z'])A(?!'?[A-Za-z])")
"""The name of the letter a; in a plural, "A's", espeak-ng says it by itself."""


def symbols_for(config: TextConfig) -> tuple[str, ...]:
    """List the symbols in the order of their numbers; 0 is padding."""
    return GRAPHEMES if config.units == "graphemes" else PHONEMES


class Tokenizer:
    """Turns normalised text into the numbers of symbols."""

    def __init__(self, config: TextConfig) -> None:
        self.config = config
        self.n_symbols = len(symbols_for(config))
        self._numbers = {symbol: number for number, symbol in enumerate(symbols_for(config))}

    def encode(self, normalized_text: str) -> list[int]:
        """Number the symbols of a text.

        Args:
            normalized_text: A result of `normalize`.

        Raises:
            TextError: If the text is empty, or contains a character without a symbol; the message names it.
            ConfigError: If phonemes are asked for in a language that espeak-ng does not have.
        """
        if self.config.units == "graphemes":
            units = _LETTER.sub(lambda letter: letter[0].lower(), normalized_text)
        else:
            units = pronounce(normalized_text, self.config.language)
        if not units.strip():
            raise TextError("the text is empty; give it words")
        unknown = dict.fromkeys(unit for unit in units if unit not in self._numbers)
        if unknown:
            raise TextError(
                f"there is no symbol for {describe_characters(unknown)} in {units[:40]!r}; normalise the text first"
            )
        return [self._numbers[unit] for unit in units]


def phonemes(sentences: Iterable[str], language: str = "en-us") -> str:
    """Say how normalised sentences are pronounced, as one string of the symbols that a synthesizer reads.

    Raises:
        ConfigError: If espeak-ng has no such language.
    """
    return " ".join(pronounce(sentence, language) for sentence in sentences)


def pronounce(normalized_text: str, language: str) -> str:
    """Return the IPA of a text, with the punctuation that espeak-ng removes.

    A capital is a letter's name. espeak-ng says every single letter by its name but the a, which is the article.
    """
    from peewee_model.text.symbols.espeak import phonemize

    spoken = ""
    text = _LETTER.sub(lambda letter: letter[0].lower(), _LETTER_A.sub("eigh", normalized_text))
    for part in _CLAUSE.split(text):
        if _CLAUSE.fullmatch(part):
            spoken += part
        elif part.strip():
            spoken += " " + phonemize(part, language)
    return spoken.strip()

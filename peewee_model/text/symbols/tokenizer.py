"""The symbols that a synthesizer reads, and the conversion of a normalised text to their numbers."""

import re
from collections.abc import Iterable, Sequence

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

_NEAREST = str.maketrans(
    {
        # Consonants: çcɟq ɲɳɱ ʎɭ βɸʋʙ ɣħʝ ʀʁɥ ʂʐɕʑ ʈɖ
        "\u00e7": "k", "c": "k", "\u025f": "\u0261", "q": "k",
        "\u0272": "nj", "\u0273": "n", "\u0271": "m", "\u028e": "lj", "\u026d": "l",
        "\u03b2": "b", "\u0278": "f", "\u028b": "v", "\u0299": "b",
        "\u0263": "\u0261", "\u0127": "h", "\u029d": "j", "\u0280": "\u0279", "\u0281": "\u0279", "\u0265": "w",
        "\u0282": "\u0283", "\u0290": "\u0292", "\u0255": "\u0283", "\u0291": "\u0292", "\u0288": "t", "\u0256": "d",
        # Vowels: yʏɯ øœɶ ɨɘɵɤɞ
        "y": "u", "\u028f": "\u028a", "\u026f": "u",
        "\u00f8": "\u025c", "\u0153": "\u025c", "\u0276": "\u00e6",
        "\u0268": "\u026a", "\u0258": "\u0259", "\u0275": "\u0259", "\u0264": "\u028c", "\u025e": "\u025c",
    }
)  # fmt: skip
"""Sounds that English words do not have. espeak-ng says some names with them ("Utrecht"); an English reader says the
nearest that he has."""

MARKS = "!,.:;?"
"""The punctuation that separates clauses. A text has as many of them as its symbols have."""

_CLAUSE = re.compile(f"([{MARKS}])")
_TAUGHT = re.compile(r"\{([^{}]+)\}('s)?")
_STRESS = "\u02c8\u02cc"
_VOWELS = "aeiou\u00e6\u0250\u0251\u0252\u0254\u0259\u025a\u025b\u025c\u026a\u0289\u028a\u028c\u1d7b"
_PLACEHOLDERS = {False: "zuvo", True: "ozuvo"}
"""Words that no text has: of a taught pronunciation that begins with a consonant, and of one that begins with a vowel.
espeak-ng says the words beside it as it should: "a", "an", "the", "to"."""
_HISSING = "sz\u0283\u0292"
_VOICELESS = "fkpt\u03b8"
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
            if taught := _TAUGHT.search(normalized_text):
                raise TextError(f"{taught[0]} is in phonemes, and this voice reads letters; write it as a word")
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

    def marks(self, tokens: Sequence[int]) -> list[int]:
        """Find the places of the `MARKS` in what `encode` returned."""
        numbers = {self._numbers[mark] for mark in MARKS}
        return [place for place, token in enumerate(tokens) if token in numbers]


def phonemes(sentences: Iterable[str], language: str = "en-us") -> str:
    """Say how normalised sentences are pronounced, as one string of the symbols that a synthesizer reads.

    Args:
        sentences: As `spoken_sentences` gives them; what a lexicon taught by phonemes is in braces.
        language: A language of espeak-ng.

    Raises:
        ConfigError: If espeak-ng has no such language.
    """
    return " ".join(pronounce(sentence, language) for sentence in sentences)


def pronounce(normalized_text: str, language: str) -> str:
    """Return the IPA of a text, with the punctuation that espeak-ng removes.

    A capital is a letter's name. espeak-ng says every single letter by its name but the a, which is the article. What
    is in braces is in IPA already.
    """
    spoken = ""
    text = _LETTER.sub(lambda letter: letter[0].lower(), _LETTER_A.sub("eigh", normalized_text))
    for part in _CLAUSE.split(text):
        if _CLAUSE.fullmatch(part):
            spoken += part
        elif part.strip():
            spoken += " " + _phonemize(part, language)
    return spoken.strip().translate(_NEAREST)


def _phonemize(part: str, language: str) -> str:
    """Return the IPA of a part without punctuation. Placeholders are spoken for what is in braces, and replaced."""
    from peewee_model.text.symbols.espeak import phonemize

    taught = list(_TAUGHT.finditer(part))
    if not taught:
        return phonemize(part, language)
    placeholders = [_PLACEHOLDERS[one[1].lstrip(_STRESS)[:1] in _VOWELS] for one in taught]
    in_turn = iter(placeholders)
    words = phonemize(_TAUGHT.sub(lambda _: next(in_turn), part), language).split(" ")
    sounds = [_plain(phonemize(word, language)) for word in placeholders]
    places = [place for place, word in enumerate(words) if _plain(word) in sounds]
    if [_plain(words[place]) for place in places] != sounds:  # espeak-ng joined one of them with another word
        rest = [phonemize(between, language) for between in _TAUGHT.sub("\0", part).split("\0")]
        pairs = zip(rest, [*map(_sounds, taught), ""], strict=True)
        return " ".join(word for pair in pairs for word in pair if word)
    for place, one in zip(places, taught, strict=True):
        words[place] = _sounds(one)
    return " ".join(words)


def _plain(word: str) -> str:
    return word.translate(dict.fromkeys(map(ord, _STRESS)))


def _sounds(taught: re.Match[str]) -> str:
    """Return what is in braces, with the ending of a possessive."""
    ipa, ending = taught[1], taught[2]
    if not ending:
        return ipa
    return ipa + ("\u1d7bz" if ipa[-1] in _HISSING else "s" if ipa[-1] in _VOICELESS else "z")

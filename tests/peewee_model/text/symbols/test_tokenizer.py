"""Symbols and their numbers."""

import pytest

from peewee_model.errors import ConfigError, TextError
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import _NEAREST, MARKS, PHONEMES, Tokenizer, pronounce, symbols_for

LETTERS = TextConfig(units="graphemes", language="en-us")
SOUNDS = TextConfig(units="phonemes", language="en-us")


@pytest.mark.parametrize("config", [LETTERS, SOUNDS])
def test_symbols_are_single_characters_each_once_after_padding(config):
    """A token is an index into them."""
    padding, *symbols = symbols_for(config)
    assert padding == "<pad>"
    assert len(set(symbols)) == len(symbols) == Tokenizer(config).n_symbols - 1
    assert all(len(symbol) == 1 for symbol in symbols)


def test_letters_are_numbered_in_order_and_padding_never_occurs():
    """Token 0 is no symbol of a text."""
    numbers = Tokenizer(LETTERS).encode("a cab.")
    symbols = symbols_for(LETTERS)
    assert [symbols[number] for number in numbers] == list("a cab.")
    assert 0 not in numbers


def test_phonemes_are_espeaks_and_keep_the_punctuation():
    """Pauses come from it."""
    numbers = Tokenizer(SOUNDS).encode("hello there, mister smith. now?")
    assert "".join(symbols_for(SOUNDS)[number] for number in numbers) == "həlˈoʊ ðˈɛɹ, mˈɪstɚ smˈɪθ. nˈaʊ?"


@pytest.mark.parametrize("config", [LETTERS, SOUNDS])
def test_marks_of_a_text_are_found_among_its_numbers(config):
    """As many as the text has, whatever is between them."""
    text = "well, it's one: two; three, four? yes."
    tokenizer = Tokenizer(config)
    numbers = tokenizer.encode(text)
    symbols = symbols_for(config)
    assert [symbols[numbers[place]] for place in tokenizer.marks(numbers)] == [mark for mark in text if mark in MARKS]


@pytest.mark.parametrize(
    ("text", "sounds"),
    [
        ("a {kæt}, an {ˈæpəl}.", "ɐ kæt, ɐn ˈæpəl."),
        ("the {kæt} to the {ˈæpəl}'s, {kæt}'s, {bʌʃ}'s", "ðə kæt tə ðɪ ˈæpəlz, kæts, bʌʃᵻz"),
        ("{kæt} {kæt}", "kæt kæt"),
        ("zuvo {kæt} is", "zjˈuːvoʊ kæt ɪz"),
    ],
)
def test_phonemes_in_braces_are_said_as_they_are(text, sounds):
    """The words beside them are said as beside any word."""
    assert pronounce(text, "en-us") == sounds


def test_phonemes_in_braces_have_no_letters():
    """A network that reads letters can't say them."""
    with pytest.raises(TextError, match=r"{kæt} is in phonemes, and this voice reads letters; write it as a word"):
        Tokenizer(LETTERS).encode("a {kæt}.")


@pytest.mark.parametrize("config", [LETTERS, SOUNDS])
@pytest.mark.parametrize("text", ["", " "])
def test_empty_text_is_an_error(config, text):
    """A model can't speak nothing."""
    with pytest.raises(TextError, match="empty"):
        Tokenizer(config).encode(text)


def test_unknown_symbols_are_named():
    """All of them, once each."""
    with pytest.raises(TextError, match=r"'B' \(LATIN CAPITAL LETTER B, U\+0042\), '1' \(DIGIT ONE"):
        Tokenizer(LETTERS).encode("Ba 1 Ba.")


def test_language_that_espeak_lacks_is_an_error():
    """It is found before the training."""
    with pytest.raises(ConfigError, match="no language 'tlh'"):
        Tokenizer(TextConfig(units="phonemes", language="tlh")).encode("hello.")


@pytest.mark.parametrize(("text", "sound"), [("utrecht.", "k"), ("the union of utrecht.", "k")])
def test_sounds_that_english_does_not_have_are_said_by_the_nearest(text, sound):
    """espeak-ng ends Utrecht with the sound of German ich; it had no symbol, and stopped a training."""
    tokenizer = Tokenizer(TextConfig(units="phonemes", language="en-us"))
    assert tokenizer.encode(text)
    assert sound in pronounce(text, "en-us")


def test_every_nearest_sound_has_a_symbol():
    """One that has none would only be another error."""
    assert set("".join(_NEAREST.values())) <= set(PHONEMES)
    assert not {chr(code) for code in _NEAREST} & set(PHONEMES)

"""Symbols and their numbers."""

import pytest

from peewee_model.errors import ConfigError, TextError
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer, symbols_for

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

"""Pronunciations in ARPAbet are those of espeak-ng."""

import pytest

from peewee_model.script.phonemes import ARPABET, to_ipa
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.espeak import phonemize
from peewee_model.text.symbols.tokenizer import symbols_for


@pytest.mark.parametrize(
    ("word", "arpabet"),
    [
        ("hello", "HH AH0 L OW1"), ("further", "F ER1 DH ER0"), ("father", "F AA1 DH ER0"), ("caught", "K AO1 T"),
        ("start", "S T AA1 R T"), ("square", "S K W EH1 R"), ("boy", "B OY1"), ("happy", "HH AE1 P IY0"),
        ("judge", "JH AH1 JH"), ("church", "CH ER1 CH"), ("measure", "M EH1 ZH ER0"), ("thing", "TH IH1 NG"),
        ("tomorrow", "T AH0 M AA1 R OW0"), ("cow", "K AW1"), ("book", "B UH1 K"), ("moon", "M UW1 N"),
        ("yes", "Y EH1 S"), ("vase", "V EY1 S"), ("fire", "F AY1 ER0"), ("green", "G R IY1 N"),
    ],
)  # fmt: skip
def test_arpabet_is_what_espeak_says(word, arpabet):
    """Every sound of the alphabet is in one of the words."""
    assert to_ipa(arpabet) == phonemize(word, "en-us")


def test_all_of_arpabet_has_symbols():
    """A network never sees a sound that it has no number for."""
    symbols = symbols_for(TextConfig(units="phonemes", language="en-us"))
    assert set("".join(ARPABET.values())) <= set(symbols)


def test_ipa_may_be_typed_on_a_keyboard():
    """The g, the stress and the length mark of a keyboard are those of IPA."""
    assert to_ipa("g'i:k") == "ɡˈiːk"

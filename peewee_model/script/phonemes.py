"""Pronunciations as people write them, in IPA or ARPAbet, and as espeak-ng's IPA, which the networks read.

ARPAbet is the alphabet of CMU's dictionary, with the stress behind the vowel: `N W IY1 N`. Its sounds are those that
espeak-ng has for the same words in American English.
"""

from peewee_model.errors import ConfigError, describe_characters
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import PADDING, PUNCTUATION, symbols_for

_CONSONANTS = {
    "B": "b", "CH": "tʃ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "dʒ", "K": "k", "L": "l", "M": "m",
    "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j",
    "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_VOWELS = {
    "AA": "ɑː", "AE": "æ", "AH": "ʌ", "AO": "ɔː", "AW": "aʊ", "AY": "aɪ", "EH": "ɛ", "ER": "ɜː", "EY": "eɪ", "IH": "ɪ",
    "IY": "iː", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "uː",
}  # fmt: skip
_UNSTRESSED = _VOWELS | {"AH": "ə", "ER": "ɚ", "IY": "i"}
ARPABET = {
    **_CONSONANTS,
    **{f"{name}0": sound for name, sound in _UNSTRESSED.items()},
    **{f"{name}1": f"ˈ{sound}" for name, sound in _VOWELS.items()},
    **{f"{name}2": f"ˌ{sound}" for name, sound in _VOWELS.items()},
}
"""Each symbol of ARPAbet in espeak-ng's IPA."""
_ALIKE = str.maketrans({"g": "ɡ", ":": "ː", "'": "ˈ", ",": "ˌ"})
_IPA = frozenset(symbols_for(TextConfig(units="phonemes", language="en-us"))) - {PADDING, *PUNCTUATION}


def to_ipa(written: str) -> str:
    """Write a pronunciation in the IPA that the networks read.

    Args:
        written: ARPAbet, symbols separated by spaces; or IPA, words separated by spaces. Capitals are ARPAbet.

    Raises:
        ConfigError: If it is empty or a symbol is unknown; names the symbol and what there is.
    """
    if not written.strip():
        raise ConfigError("has no phonemes between its braces; write {N W IY1 N} or {nwˈiːn}")
    if any(character in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" for character in written):
        return _from_arpabet(written.split())
    ipa = " ".join(written.split()).translate(_ALIKE)
    unknown = dict.fromkeys(character for character in ipa if character not in _IPA and character != " ")
    if unknown:
        raise ConfigError(
            f"has {describe_characters(unknown)}, which is no phoneme of espeak-ng's English; it has "
            f"{' '.join(sorted(_IPA))}"
        )
    return ipa


def _from_arpabet(symbols: list[str]) -> str:
    unknown = [symbol for symbol in symbols if symbol not in ARPABET]
    if unknown and unknown[0] in _VOWELS:
        raise ConfigError(f"has the vowel {unknown[0]} without stress; write {unknown[0]}0, {unknown[0]}1 or so")
    if unknown:
        raise ConfigError(f"has {unknown[0]!r}, which is no symbol of ARPAbet; it has {' '.join(ARPABET)}")
    return "".join(ARPABET[symbol] for symbol in symbols)

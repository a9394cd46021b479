"""Placeholders for taught words while a text is read.

A placeholder is a word that exists nowhere, can be pronounced, and is written like the taught word: in small letters,
with a capital, or in capitals. So the readers and the splitter see a name or a word, and leave it as it is.
"""

import re

_CONSONANTS, _VOWELS = "bdgklmnprst", "aeiou"
_SYLLABLES = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
_START = "zuvo"


class Placeholders:
    """The placeholders of one text.

    Args:
        text: No placeholder is a part of it.
    """

    def __init__(self, text: str) -> None:
        self._start = _START
        while self._start in text.casefold():
            self._start += "zu"
        self._numbers: dict[str, int] = {}

    def add(self, written: str, said: str) -> str:
        """Return the placeholder of a taught word.

        Args:
            written: The taught word, as the text has it.
            said: What `put_back` replaces the placeholder by.
        """
        number = self._numbers.setdefault(said, len(self._numbers))
        n = len(_SYLLABLES)
        word = self._start + "".join(_SYLLABLES[number // n**power % n] for power in (2, 1, 0))
        letters = [character for character in written if character.isalpha()]
        if len(letters) > 1 and all(letter.isupper() for letter in letters):
            return word.upper()
        return word.capitalize() if letters and letters[0].isupper() else word

    def put_back(self, spoken: str) -> str:
        """Replace the placeholders in a text by what is said for them."""
        if not self._numbers:
            return spoken
        said = list(self._numbers)
        n_letters = 6
        pattern = re.compile(f"{self._start}([a-z]{{{n_letters}}})")

        def original(match: re.Match[str]) -> str:
            syllables = re.findall("..", match[1])
            number = 0
            for syllable in syllables:
                number = number * len(_SYLLABLES) + _SYLLABLES.index(syllable)
            return said[number]

        return pattern.sub(original, spoken)

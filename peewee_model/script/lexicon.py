"""A user's lexicon: words that are taught, by another spelling or by phonemes.

A file has a line an entry: the word, a tab, and its spelling, or its phonemes in braces. That is the form of the
dictionaries of Montreal Forced Aligner and of CMU: a spreadsheet writes it, and a comma may be in a word.

    # names
    Nguyen<TAB>win
    SQL<TAB>sequel
    Wi-Fi<TAB>{W AY1 F AY0}
    ghoti<TAB>{fˈɪʃ}
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Union

from peewee_model.errors import ConfigError, PeeweeError, TextError
from peewee_model.script.phonemes import to_ipa
from peewee_model.script.placeholders import Placeholders
from peewee_model.text.normalize.characters import decode_text
from peewee_model.text.normalize.normalizer import normalize

MAX_ENTRIES = 10_000
MAX_BYTES = 1_000_000
MAX_CHARACTERS = 100
"""Of a word, and of what is said for it."""

_ATOM = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+|\s+|.", re.DOTALL)
_ALIKE = str.maketrans({**dict.fromkeys("‘’ʼ＇", "'"), **dict.fromkeys("‐‑", "-")})
_SPACE = " "


class Entry(NamedTuple):
    """A word that is taught."""

    word: str
    said: str
    """Normal form without its full stop; or IPA, each word in braces."""
    place: str
    """Where it is, for an error: a line of a file, or the word."""

    @property
    def has_capitals(self) -> bool:
        """Whether the word is found only as it is written."""
        return any(character.isupper() for character in self.word)

    @property
    def by_phonemes(self) -> bool:
        """Whether it is taught by phonemes."""
        return self.said.startswith("{")


class Lexicon:
    """Words that are taught, by the words as they are written.

    A word is found where it is whole: no letter and no digit touches it. A word in small letters is found however it
    is written; a word with a capital only as it is. Of several entries the longest is taken, then the one with
    capitals.

    Args:
        entries: Word, what is said, and the place for an error.

    Raises:
        ConfigError: If a word or what is said is empty, too long or taught twice, or if it can't be said.
    """

    def __init__(self, entries: Iterable[tuple[str, str, str]]) -> None:
        self.entries: dict[str, Entry] = {}
        self._by_start: dict[str, list[tuple[list[str], Entry]]] = {}
        for word, said, place in entries:
            if not isinstance(word, str) or not isinstance(said, str):
                raise ConfigError(f"{place}: {said!r} is said for {word!r}; both must be text")
            self._add(Entry(_canonical(word), said.strip(), place))
        self._sort()

    def _sort(self) -> None:
        for candidates in self._by_start.values():
            candidates.sort(key=lambda one: (-len(one[0]), not one[1].has_capitals))

    @classmethod
    def of(cls, source: "LexiconSource | None") -> "Lexicon":
        """Take a lexicon, a mapping from words to what is said, or the path of a file; None is an empty one.

        Raises:
            ConfigError: As the class, or if a line of the file is broken; names the line.
            PeeweeError: If the file can't be read.
        """
        if isinstance(source, Lexicon):
            return source
        if source is None or isinstance(source, Mapping):
            return cls((word, said, f"the lexicon's {word!r}") for word, said in (source or {}).items())
        if isinstance(source, str | Path):
            return cls(_lines(Path(source)))
        raise ConfigError(f"a lexicon is a mapping or the path of a file, and not {type(source).__name__}")

    def taught_by_phonemes(self) -> Entry | None:
        """The first entry that is taught by phonemes: a network that reads letters can't say it."""
        return next((entry for entry in self.entries.values() if entry.by_phonemes), None)

    def with_entries_of(self, other: "Lexicon") -> "Lexicon":
        """Return a lexicon of both. Of a word that both have, the other's entry is taken."""
        if not self.entries or not other.entries:
            return other if other.entries else self
        both = Lexicon(())
        both.entries = self.entries | other.entries
        for entry in both.entries.values():
            both._file(entry)
        both._sort()
        return both

    def mark(self, text: str) -> tuple[str, Placeholders]:
        """Put stand-ins, which every reader says as they are, in place of the words that are taught.

        Returns:
            The text, and the stand-ins, by which what is said is put in at the end.
        """
        placeholders = Placeholders(text)
        if not self.entries:
            return text, placeholders
        text = text if text.isascii() else unicodedata.normalize("NFC", text)
        atoms = [match[0] for match in _ATOM.finditer(text)]
        plain = [_SPACE if atom.isspace() else atom.translate(_ALIKE) for atom in atoms]
        marked, place = [], 0
        while place < len(atoms):
            entry, n_atoms = self._at(plain, place)
            written = "".join(atoms[place : place + n_atoms])
            marked.append(placeholders.add(written, entry.said) if entry else written)
            place += n_atoms
        return "".join(marked), placeholders

    def _add(self, entry: Entry) -> None:
        entry = entry._replace(said=_said(entry))
        if (other := self.entries.get(entry.word)) is not None:
            raise ConfigError(f"{entry.place} teaches {entry.word!r} again, after {other.place}; remove one of them")
        if len(self.entries) == MAX_ENTRIES:
            raise ConfigError(f"{entry.place}: a lexicon has at most {MAX_ENTRIES} entries; split it by text")
        self.entries[entry.word] = entry
        self._file(entry)

    def _file(self, entry: Entry) -> None:
        """Put an entry where a text's word finds it."""
        atoms = _ATOM.findall(entry.word)
        self._by_start.setdefault(atoms[0].casefold(), []).append((atoms, entry))

    def _at(self, atoms: list[str], place: int) -> tuple[Entry | None, int]:
        """Find the entry that begins at an atom of a text, and how many atoms it has; 1 if there is none."""
        for wanted, entry in self._by_start.get(atoms[place].casefold(), ()):
            found = atoms[place : place + len(wanted)]
            if not entry.has_capitals:
                found, wanted = _folded(found), _folded(wanted)
            if found == wanted and _is_whole(atoms, place, place + len(wanted)):
                return entry, len(wanted)
        return None, 1


LexiconSource = Union[Lexicon, Mapping[str, str], Path, str]  # noqa: UP007 - a class that is defined here
"""What is taken for a lexicon: `Lexicon.of`."""


def _canonical(word: str) -> str:
    return " ".join(unicodedata.normalize("NFC", word).translate(_ALIKE).split())


def _folded(atoms: list[str]) -> list[str]:
    return [atom.casefold() for atom in atoms]


def _is_whole(atoms: list[str], start: int, end: int) -> bool:
    """Whether no letter or digit touches atoms: neither ".NET" in "ASP.NET" nor "GPT-4" in "GPT-4.5"."""
    before, after = atoms[start - 1] if start else " ", atoms[end] if end < len(atoms) else " "
    if not atoms[start][0].isalnum() and before[-1].isalnum():
        return False
    if not atoms[end - 1][0].isalnum():
        return not after[0].isalnum() and after != atoms[end - 1]
    decimal = atoms[end - 1].isdigit() and after in ".," and end + 1 < len(atoms) and atoms[end + 1][0].isdigit()
    fraction = atoms[start].isdigit() and before in ".," and start > 1 and atoms[start - 2][-1].isdigit()
    return not (decimal or fraction)


def _lines(path: Path) -> Iterable[tuple[str, str, str]]:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConfigError(f"{path} has more than {MAX_BYTES} bytes; a lexicon is a word and a tab and its spelling")
        text = decode_text(path.read_bytes())
    except OSError as error:
        raise PeeweeError(f"{path} can't be read: {error.strerror}; check the path of the lexicon") from None
    except TextError as error:
        raise ConfigError(f"{path}: {error}") from None
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 2:
            raise ConfigError(
                f"{path}, line {number}: {len(fields) - 1} tabs in {line[:40]!r}; write the word, one tab, and its "
                "spelling or {its phonemes}"
            )
        yield fields[0], fields[1], f"{path}, line {number}"


def _said(entry: Entry) -> str:
    """Check an entry, and write what is said for it in the normal form."""
    for what, text in (("word", entry.word), ("spelling", entry.said)):
        if not text or len(text) > MAX_CHARACTERS:
            fault = f"longer than {MAX_CHARACTERS} characters" if text else "empty"
            raise ConfigError(f"{entry.place}: the {what} is {fault}; write a word, a tab and its spelling")
    if not any(character.isalnum() or not character.isascii() for character in entry.word):
        raise ConfigError(f"{entry.place}: {entry.word!r} has no letter and no digit; punctuation can't be taught")
    try:
        if entry.said.startswith("{") and entry.said.endswith("}"):
            return " ".join(f"{{{word}}}" for word in to_ipa(entry.said[1:-1]).split())
        if set(entry.said) & set("{}"):
            raise ConfigError("has a brace; phonemes are in one pair of braces, with nothing beside it")
        said = normalize(entry.said).removesuffix(".")
    except (ConfigError, TextError) as error:
        raise ConfigError(f"{entry.place}: {entry.said!r} {error}") from None
    if set(said) & set("!,.:;?{}") or len(said) > MAX_CHARACTERS:
        raise ConfigError(f"{entry.place}: {entry.said!r} is said {said[:40]!r}; write a few words, no punctuation")
    return said

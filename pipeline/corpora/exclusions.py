"""The speakers and utterances that no later release may use: `exclusions.csv` in the repository's root, in git.

    kind,id,reason
    speaker,libritts_84,consent withdrawn on 2026-11-02

Each line is a speaker or an utterance, by its id as in `data/corpus`. `ingest` leaves them out, and `bundle` checks
that. The reasons stay here and are not published.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from peewee_model.errors import PeeweeError
from peewee_model.public_text import LONGEST, PlainLineError, check_plain_line

EXCLUSIONS = Path("exclusions.csv")
EXCLUSIONS_FILE = "exclusions.json"
"""Name of the list in a release: the ids, without the reasons."""
HEADER = ("kind", "id", "reason")
Kind = Literal["speaker", "utterance"]


class ExclusionError(PeeweeError):
    """The list of exclusions can't be read, or something can't be added to it."""


@dataclass(frozen=True, order=True)
class Exclusion:
    """One line of the list."""

    kind: Kind
    id: str
    """As in `data/corpus`: `<corpus>_<id in the corpus>`."""
    reason: str


@dataclass(frozen=True)
class Exclusions:
    """The list."""

    entries: tuple[Exclusion, ...] = ()

    @property
    def speakers(self) -> frozenset[str]:
        """Ids of the speakers."""
        return frozenset(entry.id for entry in self.entries if entry.kind == "speaker")

    @property
    def utterances(self) -> frozenset[str]:
        """Ids of single utterances."""
        return frozenset(entry.id for entry in self.entries if entry.kind == "utterance")


def read_exclusions(path: Path = EXCLUSIONS) -> Exclusions:
    """Read the list.

    Raises:
        ExclusionError: Names the file, the line, and the error.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file, strict=True)
            if tuple(next(lines, ())) != HEADER:
                raise ExclusionError(f"{path}: the first line must be `{','.join(HEADER)}`")
            entries: dict[tuple[str, str], Exclusion] = {}
            for line in lines:
                where = f"{path}, line {lines.line_num}"
                entry = checked(line, where)
                if (entry.kind, entry.id) in entries:
                    raise ExclusionError(f"{where}: {entry.kind} {entry.id} is there twice; remove one")
                entries[entry.kind, entry.id] = entry
    except FileNotFoundError:
        raise ExclusionError(f"{path} is missing; restore it from git (`git checkout {path}`)") from None
    except UnicodeDecodeError:
        raise ExclusionError(f"{path} is not UTF-8; save it as such") from None
    except csv.Error as error:
        raise ExclusionError(f"{path}, line {lines.line_num}: {error}; correct the quotes") from None
    return Exclusions(tuple(entries.values()))


def checked(line: list[str], where: str) -> Exclusion:
    """Check one line of the list, given as its values.

    Raises:
        ExclusionError: Names the place and the error.
    """
    if len(line) != len(HEADER):
        raise ExclusionError(f"{where}: expected {len(HEADER)} values ({','.join(HEADER)}), found {len(line)}")
    kind, identifier, reason = line
    if kind not in get_args(Kind):
        raise ExclusionError(f"{where}: kind is {kind[:LONGEST]!r}; write {' or '.join(get_args(Kind))}")
    for name, value in (("id", identifier), ("reason", reason)):
        if not value.strip() or value != value.strip():
            raise ExclusionError(f"{where}: {name} is {value[:LONGEST]!r}; write it, without spaces around it")
        try:
            check_plain_line(value, f"{where}: {name}")
        except PlainLineError as error:
            raise ExclusionError(str(error)) from None
    return Exclusion("speaker" if kind == "speaker" else "utterance", identifier, reason)

"""The parts of the archives, on disk until all of them have been read.

In an archive, a text may come long before its audio. The memory of ingest must not depend on the archive's order or
size. So every part is written to a SQLite file in scratch, and read back utterance by utterance, sorted.
"""

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SpooledPart:
    """One file of an utterance, after its own checks."""

    utterance_id: str
    archive: str
    subset: str
    member: str
    kind: str
    corpus: str
    speaker_id: str = ""
    chapter_id: str = ""
    reason: str = ""
    """Why it is refused; empty if it is not."""
    detail: str = ""
    text: str = ""
    """As the corpus gives it."""
    normalized_text: str = ""
    """As it is spoken; of a part of kind ``normalized``."""
    n_unspoken: int = 0
    """Characters of the text that were left out because no reader says them: emoji, marks of direction."""
    sample_rate: int = 0
    duration_s: float = 0.0
    trimmed_s: float = 0.0
    audio_sha256: str = ""
    n_bytes: int = 0
    """Of the FLAC."""
    everywhere: bool = False
    """Whether it refuses its utterance in all archives."""
    audio_row: int = 0
    """Where `Spool` keeps the FLAC."""


@dataclass(frozen=True)
class SpooledUtterance:
    """An utterance that was accepted."""

    utterance_id: str
    corpus: str
    subset: str
    speaker_id: str
    chapter_id: str
    text: str
    normalized_text: str
    n_unspoken: int
    sample_rate: int
    duration_s: float
    trimmed_s: float
    audio_sha256: str
    n_bytes: int
    audio_row: int


_PART_NAMES = [field.name for field in fields(SpooledPart)]
_UTTERANCE_NAMES = [field.name for field in fields(SpooledUtterance)]
_PART_COLUMNS, _UTTERANCE_COLUMNS = ", ".join(_PART_NAMES), ", ".join(_UTTERANCE_NAMES)
_PART_VALUES, _UTTERANCE_VALUES = attrgetter(*_PART_NAMES), attrgetter(*_UTTERANCE_NAMES)
_REJECTED_COLUMNS = "archive, member, utterance_id, reason, detail"


class Spool:
    """A SQLite file that lives as long as the ingest does."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        self._db = sqlite3.connect(path)
        self._path = path
        self._db.executescript(
            f"""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -16384;
            CREATE TABLE part ({_PART_COLUMNS});
            CREATE TABLE audio (flac BLOB);
            CREATE TABLE utterance ({_UTTERANCE_COLUMNS}, shard);
            CREATE TABLE rejected ({_REJECTED_COLUMNS});
            """
        )

    def close(self) -> None:
        """Delete the file."""
        self._db.close()
        self._path.unlink(missing_ok=True)

    def add_part(self, part: SpooledPart, audio: bytes = b"") -> None:
        """Keep one part, with its FLAC if it has one."""
        row = list(_PART_VALUES(part))
        if audio:
            row[-1] = self._db.execute("INSERT INTO audio VALUES (?)", (audio,)).lastrowid
        self._insert("part", row)

    def add_rejected(self, part: SpooledPart, reason: str, detail: str) -> None:
        """Keep one row of `tables.REJECTED`."""
        self._insert("rejected", (part.archive, part.member, part.utterance_id, reason, detail))

    def add_utterance(self, utterance: SpooledUtterance) -> None:
        """Keep one utterance that was accepted."""
        self._insert("utterance", (*_UTTERANCE_VALUES(utterance), 0))

    def groups(self) -> Iterator[list[list[SpooledPart]]]:
        """Yield all parts of one utterance_id at a time, sorted, as lists by archive and subset.

        A part without an utterance_id is a group of its own.
        """
        order = "utterance_id, archive, subset, member"
        self._db.execute(f"CREATE INDEX by_utterance ON part ({order})")
        found = self._db.cursor().execute(f"SELECT {_PART_COLUMNS} FROM part ORDER BY {order}")  # noqa: S608  # our names
        parts = (SpooledPart(*row) for row in found)
        for _, same in itertools.groupby(parts, key=lambda part: part.utterance_id or (part.archive, part.member)):
            yield [list(place) for _, place in itertools.groupby(same, key=lambda part: (part.archive, part.subset))]

    def utterances(self, shard: int | None = None) -> Iterator[SpooledUtterance]:
        """Yield accepted utterances, in the order of acceptance; or those of a shard, sorted by utterance_id."""
        where = "ORDER BY rowid" if shard is None else "WHERE shard = ? ORDER BY utterance_id"
        values = () if shard is None else (shard,)
        found = self._db.cursor().execute(f"SELECT {_UTTERANCE_COLUMNS} FROM utterance {where}", values)  # noqa: S608
        yield from (SpooledUtterance(*row) for row in found)

    def utterances_by_speaker(self) -> Iterator[SpooledUtterance]:
        """Yield accepted utterances, sorted by speaker_id and utterance_id."""
        order = "speaker_id, utterance_id"
        self._db.execute(f"CREATE INDEX IF NOT EXISTS by_speaker ON utterance ({order})")
        found = self._db.cursor().execute(f"SELECT {_UTTERANCE_COLUMNS} FROM utterance ORDER BY {order}")  # noqa: S608
        yield from (SpooledUtterance(*row) for row in found)

    def archives_with_texts(self) -> set[str]:
        """Return the archives that hold at least one text."""
        found = self._db.execute("SELECT DISTINCT archive FROM part WHERE kind IN ('original', 'normalized')")
        return {name for (name,) in found}

    def assign_shards(self, shard_of: Callable[[str, str], int]) -> None:
        """Assign each accepted utterance to the shard that a function of its id and its corpus returns."""
        self._db.create_function("shard_of", 2, shard_of, deterministic=True)
        self._db.execute("UPDATE utterance SET shard = shard_of(utterance_id, corpus)")
        self._db.execute("CREATE INDEX by_shard ON utterance (shard, utterance_id)")

    def rejected(self) -> Iterator[dict[str, str]]:
        """Yield the rows of `tables.REJECTED`, sorted."""
        names = _REJECTED_COLUMNS.split(", ")
        found = self._db.cursor().execute(f"SELECT {_REJECTED_COLUMNS} FROM rejected ORDER BY {_REJECTED_COLUMNS}")  # noqa: S608
        yield from (dict(zip(names, row, strict=True)) for row in found)

    def audio(self, audio_row: int) -> bytes:
        """Return a FLAC."""
        flac: bytes = self._db.execute("SELECT flac FROM audio WHERE rowid = ?", (audio_row,)).fetchone()[0]
        return flac

    def _insert(self, table: str, row: Iterable[Any]) -> None:
        values = list(row)
        marks = ", ".join("?" * len(values))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", values)  # noqa: S608  # our own names

"""The results of a corpus's reader for an archive's files."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from pipeline.ingest.archive import Member

Kind = Literal["audio", "original", "normalized"]


@dataclass(frozen=True)
class Part:
    """One file of an utterance: its audio, its text as written, or its text as spoken."""

    member: str
    utterance_id: str
    """The corpus's id; unique within the corpus."""
    subset: str
    speaker_id: str
    """The corpus's id."""
    chapter_id: str
    kind: Kind
    data: bytes


@dataclass(frozen=True)
class Refused:
    """A file that is not read."""

    member: str
    utterance_id: str
    """Empty if the file's name has none; so is the subset."""
    subset: str
    reason: str
    detail: str


Reader = Callable[[Member], Iterator[Part | Refused]]
"""The reader of one corpus: it classifies a member by its name, and yields nothing for documentation."""

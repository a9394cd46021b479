"""What a corpus's reader tells of an archive's files."""

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
    """As the corpus names it; unique within the corpus."""
    subset: str
    speaker_id: str
    """As the corpus names it."""
    chapter_id: str
    kind: Kind
    data: bytes


@dataclass(frozen=True)
class Refused:
    """A file that is not read."""

    member: str
    utterance_id: str
    """Empty where the name tells none, as is the subset."""
    subset: str
    reason: str
    detail: str


Reader = Callable[[Member], Iterator[Part | Refused]]
"""One a corpus: what a member is, told by its name; nothing for documentation."""

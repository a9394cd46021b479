"""The interface of a corpus's reader: what it receives of an archive, what it returns, and what it says of the corpus.

A reader classifies a file by its name alone, so that archives are streamed and nothing is unpacked. A text may come
before or after its recording, and in another file: both have the utterance's id, and ingest joins them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

MAX_MEMBER_BYTES = 16 << 20
"""Larger files of an archive are skipped, never read into memory; a table of texts is read in pieces."""
TABLES = (".csv", ".tsv", ".json", ".jsonl", ".txt")
"""Ends of the names of tables."""

Kind = Literal["audio", "original", "normalized"]
Texts = Literal["all", "none", "perhaps"]


@dataclass(frozen=True)
class Member:
    """A regular file of an archive, or a piece of a large table."""

    name: str
    """Parts joined by single slashes; relative, without `.` and `..`."""
    size: int
    """Bytes of the file."""
    data: bytes | None
    """The content; None if it is larger than `MAX_MEMBER_BYTES` and no table."""
    head: bytes | None = None
    """The table's first line, in every piece after the first; None in a first piece and in a whole file."""


@dataclass(frozen=True)
class Part:
    """One part of an utterance: its audio, its text as written, or its text as spoken."""

    member: str
    utterance_id: str
    """The corpus's id; unique within the corpus."""
    subset: str
    """Empty if the corpus's names do not say it; it is then the archive's own."""
    speaker_id: str
    """The corpus's id; empty if another part of the utterance says it."""
    chapter_id: str
    kind: Kind
    data: bytes


@dataclass(frozen=True)
class Refused:
    """A file that is not read, or an utterance that a corpus's list refuses."""

    member: str
    utterance_id: str
    """Empty if the file's name has none; so is the subset."""
    subset: str
    reason: str
    detail: str
    everywhere: bool = False
    """Whether the utterance is refused in all archives of the corpus, and not in this one alone."""


Read = Callable[[Member], Iterator[Part | Refused]]
"""Classifies a member by its name, and yields nothing for documentation."""


@dataclass(frozen=True)
class Layout:
    """How an archive of a corpus is laid out."""

    path: str
    """What the path of a recording looks like, for messages and documentation."""
    read: Read
    texts: Texts = "all"
    """Whether each utterance has a text; `perhaps` if an archive has texts or has none."""
    listed_only: bool = False
    """Whether a recording that no table lists is left out without counting as refused."""


@dataclass(frozen=True)
class Archive:
    """A published archive."""

    subset: str
    url: str
    n_bytes: int | None = None
    """None if it is not known."""
    md5: str | None = None
    """None if none is published; so is the SHA-256, which the user then states in params.yaml."""
    sha256: str | None = None
    piece: int | None = None
    """Number of the piece, of a zip that is cut into pieces."""


@dataclass(frozen=True)
class Corpus:
    """A published corpus."""

    name: str
    page: str
    licence: str
    citation: str
    """BibTeX."""
    contents: str
    """Hours, speakers, sample rate and format."""
    layout: Layout
    archives: tuple[Archive, ...] = ()
    people: str = ""
    """Corpus whose speaker ids name the same people; empty if no other corpus has these people."""
    quirks: tuple[str, ...] = ()
    further_layouts: dict[str, Layout] = field(default_factory=dict)
    """By name: other ways to read the same archives."""


def left_by_system(name: str) -> bool:
    """Return whether a file is one that macOS or a file manager packs along."""
    return name.rpartition("/")[2].startswith(".") or name.startswith("__MACOSX/")


def skipped(member: Member, detail: str = "left by the system that packed the archive") -> Refused:
    """Refuse a file that is left out by its name."""
    return Refused(member.name, "", "", "skipped", detail)


def unknown(member: Member) -> Refused:
    """Refuse a file whose name says nothing."""
    return Refused(member.name, "", "", "unknown_name", "neither an utterance nor documentation by its name")


def too_large(member: Member, utterance_id: str, subset: str) -> Refused:
    """Refuse a recording that is too large to hold."""
    detail = f"{member.size} bytes; at most {MAX_MEMBER_BYTES} are read"
    return Refused(member.name, utterance_id, subset, "too_large", detail)

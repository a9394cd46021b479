"""The sources of the corpora's archives: the section `corpus` of params.yaml.

`download` fetches them, `ingest` reads them by the same names, `bundle` writes them into the lineage.
"""

import re
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from peewee_model.public_text import masked
from pipeline.params.params import Section

# Kinds of files, by their first bytes; a file's name does not count.
GZIP = b"\x1f\x8b"
HEAD_BYTES = 512
READ = "a tar (.tar.gz, .tar.xz, .tar.bz2, .tar) or a .zip is read here, and nothing else"
_ARCHIVES = ((GZIP, "gzip"), (b"\xfd7zXZ\x00", "xz"), (b"BZh", "bzip2"), (b"PK\x03\x04", "zip"))
_BEGINNINGS = (
    (b"\x28\xb5\x2f\xfd", "a .zst file"),
    (b"PK\x05\x06", "an empty .zip file"),
    (b"7z\xbc\xaf\x27\x1c", "a .7z file"),
    (b"Rar!\x1a\x07", "a .rar file"),
    (b"\x04\x22\x4d\x18", "an .lz4 file"),
)
_TAR = slice(257, 262)

_ENDS = (".zip", ".tar.xz", ".tar.bz2", ".tar")

SCHEMES = ("http", "https", "file", "s3", "mini")

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_MINI = re.compile(r"mini:[a-z0-9][a-z0-9-]*")
_S3 = re.compile(r"s3://[^/?#]+/.+")
_FILE = re.compile(r"file:(//(localhost)?/.+|(?!//).+)")


class Source(Section):
    """One archive, or one piece of a zip that is cut into pieces."""

    corpus: _Name
    """Name of the corpus in tables and reports, such as `libritts`."""

    subset: _Name
    """Part of the corpus that the archive holds, such as `train-clean-100`."""

    url: str
    """`http(s)://`, `s3://bucket/key`, `file:///absolute`, `file:relative`, either with `/` at its end for a folder, or
    `mini:SUBSET` (made by this project)."""

    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None
    """MD5 from the corpus's own site, in hex; null if the site lists none."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the archive, in hex. An archive with another hash is never used."""

    licence: str
    """Terms of the recordings; they go into each release's manifest."""

    ids: _Name | None = None
    """Prefix of the archive's ids of utterances and speakers; null for the corpus's name. Corpora with the same numbers
    for the same people should have the same prefix. A person in two of them is then one speaker, in one split."""

    layout: _Name | None = None
    """How the archive is laid out, such as `folder`; null for the layout of the corpus of that name. docs/corpora.md
    lists them."""

    piece: Annotated[int, Field(ge=1, le=999)] | None = None
    """Number of the piece, from 1, of a zip that is cut into pieces; null for a whole archive."""

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        scheme = url.partition(":")[0]
        match scheme:
            case "http" | "https":
                well_formed = _names_a_host(url)
            case "s3":
                well_formed = bool(_S3.fullmatch(url))
            case "file":
                well_formed = bool(_FILE.fullmatch(url))
            case "mini":
                well_formed = bool(_MINI.fullmatch(url))
            case _:
                raise ValueError(f"the scheme of {masked(url)} is none of {', '.join(SCHEMES)}")
        if not well_formed:
            raise ValueError(f"{masked(url)} is incomplete; see pipeline/corpora/sources.py for the forms of a URL")
        return url

    @property
    def archive_name(self) -> str:
        """File name of the archive under `data/archives/`; its end follows the URL's, and `.tar.gz` is the usual."""
        if self.piece is not None:
            return f"{self.corpus}-{self.subset}.zip.{self.piece:03d}"
        path = self.url.partition("?")[0].lower()
        end = ".tar" if self.is_folder else next((end for end in _ENDS if path.endswith(end)), ".tar.gz")
        return f"{self.corpus}-{self.subset}{end}"

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder of this machine, `file:/path/`, which is read as a tar."""
        return self.url.startswith("file:") and self.url.endswith("/")

    @property
    def id_prefix(self) -> str:
        """The prefix of its ids, before `_`."""
        return self.ids or self.corpus

    @property
    def public_url(self) -> str:
        """The URL without password, token or signature, so that it may be shown and published."""
        return masked(self.url)


class CorpusConfig(Section):
    """The section `corpus`."""

    sources: tuple[Source, ...]
    """The archives, in the order in which they are ingested."""

    @field_validator("sources")
    @classmethod
    def _distinct_archives(cls, sources: tuple[Source, ...]) -> tuple[Source, ...]:
        if not sources:
            raise ValueError("no archive is named; add one, or merge in a profile")
        seen: set[str] = set()
        for source in sources:
            if source.archive_name.casefold() in seen:  # some file systems fold case
                raise ValueError(f"two sources are kept as {source.archive_name}; give one another corpus or subset")
            seen.add(source.archive_name.casefold())
        for (corpus, subset), pieces in pieces_of(sources).items():
            numbers = [source.piece for source in pieces]
            if numbers != [None] and numbers != list(range(1, len(pieces) + 1)):
                raise ValueError(f"the pieces of {corpus} {subset} are not 1 to {len(pieces)} in their order")
        return sources


def pieces_of(sources: Iterable[Source]) -> dict[tuple[str, str], list[Source]]:
    """Group the sources by corpus and subset: a group is an archive, or the pieces of one, in their order."""
    groups: dict[tuple[str, str], list[Source]] = {}
    for source in sources:
        groups.setdefault((source.corpus, source.subset), []).append(source)
    return groups


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # its message may contain a part of an unquoted password, and so may the masked URL
        raise ValueError("the URL's host or port is no such thing; percent-encode a password's characters") from None


def archive_kind(head: bytes) -> str | None:
    """Return which archive a file is: `gzip`, `xz`, `bzip2`, `tar` or `zip`; None if it is none of these.

    Args:
        head: Its first bytes: `HEAD_BYTES`, or all of a shorter file.
    """
    if head[_TAR] == b"ustar":
        return "tar"
    return next((kind for beginning, kind in _ARCHIVES if head.startswith(beginning)), None)


def other_archive(head: bytes) -> str | None:
    """Return which archive a file is if it is one that is not read here; None for all other files."""
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), None)


def what_it_is(head: bytes) -> str | None:
    """Return what a file is if it is no archive that is read here; None if it begins like one."""
    if archive_kind(head):
        return None
    if not head:
        return "empty"
    if kind := other_archive(head):
        return kind
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith(b"<"):
        return "a web page, perhaps one that says an error"
    if text.startswith((b"{", b"[")):
        return "JSON, perhaps an error of a server"
    return "no archive"

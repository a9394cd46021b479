"""The sources of the corpora's archives: the section `corpus` of params.yaml.

`download` fetches them, `ingest` reads them by the same names, `bundle` writes them into the lineage.
"""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from peewee_model.public_text import masked
from pipeline.params.params import Section

# Kinds of files, by their first bytes: only .tar.gz is read here, and a file's name does not count.
GZIP = b"\x1f\x8b"
HEAD_BYTES = 512
READ = "a .tar.gz is read here, and nothing else"
_BEGINNINGS = (
    (b"\xfd7zXZ\x00", "an .xz file"),
    (b"BZh", "a .bz2 file"),
    (b"\x28\xb5\x2f\xfd", "a .zst file"),
    (b"PK\x03\x04", "a .zip file"),
    (b"PK\x05\x06", "an empty .zip file"),
    (b"7z\xbc\xaf\x27\x1c", "a .7z file"),
    (b"Rar!\x1a\x07", "a .rar file"),
    (b"\x04\x22\x4d\x18", "an .lz4 file"),
)
_TAR = slice(257, 262)

SCHEMES = ("http", "https", "file", "s3", "mini")

_Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
_MINI = re.compile(r"mini:[a-z0-9][a-z0-9-]*")
_S3 = re.compile(r"s3://[^/?#]+/.+")
_FILE = re.compile(r"file:(//(localhost)?/.+|(?!//).+)")


class Source(Section):
    """One archive in LibriTTS's layout."""

    corpus: _Name
    """Name of the corpus in tables and reports, such as `libritts`."""

    subset: _Name
    """Part of the corpus that the archive holds, such as `train-clean-100`."""

    url: str
    """`http(s)://`, `s3://bucket/key`, `file:///absolute`, `file:relative` or `mini:SUBSET` (made by this project)."""

    md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None
    """MD5 from the corpus's own site, in hex; null if the site lists none."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the archive, in hex. An archive with another hash is never used."""

    licence: str
    """Terms of the recordings; they go into each release's manifest."""

    ids: _Name | None = None
    """Prefix of the archive's ids of utterances and speakers; null for the corpus's name. Corpora with the same numbers
    for the same people should have the same prefix. A person in two of them is then one speaker, in one split."""

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
        """File name of the archive under `data/archives/`."""
        return f"{self.corpus}-{self.subset}.tar.gz"

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
        return sources


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:  # its message may contain a part of an unquoted password, and so may the masked URL
        raise ValueError("the URL's host or port is no such thing; percent-encode a password's characters") from None


def other_archive(head: bytes) -> str | None:
    """Return which other kind of archive a file is; None if it is gzip, or of an unknown kind.

    Args:
        head: Its first bytes: `HEAD_BYTES`, or all of a shorter file.
    """
    if head[_TAR] == b"ustar":
        return "a .tar that is not compressed"
    return next((kind for beginning, kind in _BEGINNINGS if head.startswith(beginning)), None)


def what_it_is(head: bytes) -> str | None:
    """Return what a file is if it is no .tar.gz; None if it begins like one."""
    if head.startswith(GZIP):
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

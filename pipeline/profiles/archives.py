"""The user's archives and folders as a profile's corpus: their sources, and a split by their subsets."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from peewee_model.public_text import plain_line
from pipeline.corpora.sources import HEAD_BYTES, READ, what_it_is
from pipeline.download.folder import as_tar
from pipeline.ingest.archive import read_members
from pipeline.ingest.archive_error import ArchiveError
from pipeline.ingest.readers.reader import Layout, Member, Part
from pipeline.ingest.readers.registry import CORPORA, LAYOUTS, layout_named
from pipeline.profiles.overlay import merge

LOCAL = "local"
"""Corpus of archives without a name, and the prefix of the ids of all local archives."""
OWNERS_TERMS = "as stated by the archives' owner"
LAYOUT = "libritts"
"""Layout of an archive for which none is given, and whose name is no corpus that is known."""
WHOLE = "all"
"""Subset of an archive whose layout has none."""
_PROBED = 20_000
"""Members that are looked at; documentation and folders come first."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HELD_OUT = {"dev": "validation", "test": "test"}


def takes_archives(overlay: dict[str, Any]) -> bool:
    """Return whether a profile has no corpus, so that the user's archives are its corpus."""
    return "corpus" not in overlay


def local_sources(archives: Iterable[str], licence: str | None, layout: str | None = None) -> list[dict[str, Any]]:
    """Describe local archives or folders as sources.

    Args:
        archives: `PATH`, or `NAME=PATH` for a corpus of that name (letters, digits, `.`, `_`, `-`). Without a name the
            corpus is `local`. In all of them but known corpora, equal speaker numbers are one person.
        licence: Terms of the recordings; None for those of a known corpus.
        layout: A layout's name; None for the corpus's own, or LibriTTS's where the corpus is not known.

    Raises:
        PlainLineError: If the licence is not for everybody to read.
        ConfigError: If a file is no archive of that layout, or two of one name hold the same subset.
    """
    sources: list[dict[str, Any]] = []
    for archive in archives:
        name, path = _named(archive)
        known = CORPORA.get(name)
        layout_name = layout or (name if known else LAYOUT)
        subset = _subset_of(path, layout_named(layout_name))
        if any((source["corpus"], source["subset"]) == (name, subset) for source in sources):
            raise ConfigError(
                f"{path} holds subset {subset}, as another one does; tell them apart by names: --archive NAME={path}"
            )
        terms = plain_line(licence, "--licence") if licence else known.licence if known else OWNERS_TERMS
        url = path.resolve().as_uri() + ("/" if path.is_dir() else "")
        source = {"corpus": name, "subset": subset, "url": url, "licence": terms} | _hashes(path)
        source |= {} if name == LOCAL or known else {"ids": LOCAL}
        sources.append(source | ({} if layout_name == name else {"layout": layout_name}))
    return sources


def local_split(subsets: Iterable[str]) -> dict[str, Any]:
    """Hold out the subsets named dev* or test*: validation and test; with one of the two alone, it is the test split.

    For a split without such a subset, 15 % of the other speakers are drawn.
    """
    held_out = {subset: split for subset in subsets for prefix, split in HELD_OUT.items() if subset.startswith(prefix)}
    if held_out and "test" not in held_out.values():
        held_out = dict.fromkeys(held_out, "test")
    validation = 0.0 if "validation" in held_out.values() else 0.15
    test = 0.0 if "test" in held_out.values() else 0.15
    fractions = {"validation_fraction": validation, "test_fraction": test}
    return {"by_subset": held_out, "by_speaker": {}, "within": {}, **fractions}


def with_archives(overlay: dict[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Add sources to an overlay, and a split by their subsets for the keys that the overlay does not set.

    Raises:
        ConfigError: If the overlay holds out utterances of a corpus that is not among the sources.
    """
    split: dict[str, Any] = overlay.get("ingest", {}).get("split", {})
    corpora = {source["corpus"] for source in sources}
    if sources and (missing := sorted(split.get("within", {}).keys() - corpora)):
        raise ConfigError(
            f"the profile holds out utterances of {', '.join(missing)}, but the archives are of "
            f"{', '.join(sorted(corpora))}; give one as --archive {'' if missing == [LOCAL] else missing[0] + '='}PATH"
        )
    suggested = local_split(source["subset"] for source in sources)
    merge(overlay, {"corpus": {"sources": sources}, "ingest": {"split": suggested | split}})
    return overlay


def _named(archive: str) -> tuple[str, Path]:
    name, equals, path = archive.partition("=")
    if equals and _NAME.fullmatch(name):
        return name, Path(path)
    return LOCAL, Path(archive)


def _subset_of(archive: Path, layout: Layout) -> str:
    """Return the subset that an archive's recordings are of."""
    try:
        members = _members(archive)
        for _, member in zip(range(_PROBED), members, strict=False):
            for part in layout.read(member):
                if isinstance(part, Part):
                    return part.subset or WHOLE
    except FileNotFoundError:
        raise ConfigError(f"{archive} does not exist") from None
    except OSError as error:
        raise ConfigError(f"{archive} can't be read: {error.strerror or error}; see that it is whole") from None
    except ArchiveError as error:
        raise ConfigError(f"{error}; see that it is whole") from None
    name = next(name for name, known in LAYOUTS.items() if known is layout)
    raise ConfigError(
        f"{archive} holds no file like {layout.path}, which is the layout {name}; give its own by --layout, one of "
        f"{', '.join(sorted(LAYOUTS))}"
    )


def _members(archive: Path) -> Iterator[Member]:
    if archive.is_dir():
        for path in sorted(archive.rglob("*")):
            if path.is_file():
                yield Member(f"{archive.resolve().name}/{path.relative_to(archive).as_posix()}", 0, b"")
        return
    with archive.open("rb") as file:
        kind = what_it_is(file.read(HEAD_BYTES))
    if kind:
        raise ConfigError(f"{archive} is {kind}; {READ}: pack it as one")
    yield from read_members(archive)


def _hashes(archive: Path) -> dict[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    for block in as_tar(archive) if archive.is_dir() else _blocks(archive):
        md5.update(block)
        sha256.update(block)
    return {"md5": md5.hexdigest(), "sha256": sha256.hexdigest()}


def _blocks(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        while block := file.read(1 << 20):
            yield block

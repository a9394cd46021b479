"""The user's archives as a profile's corpus: their sources, and a split by their subsets."""

import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from peewee_model.public_text import plain_line
from pipeline.corpora.sources import HEAD_BYTES, READ, what_it_is
from pipeline.profiles.overlay import merge

LOCAL = "local"
"""Corpus of archives without a name, and the prefix of the ids of all local archives."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HELD_OUT = {"dev": "validation", "test": "test"}


def takes_archives(overlay: dict[str, Any]) -> bool:
    """Return whether a profile has no corpus, so that the user's archives are its corpus."""
    return "corpus" not in overlay


def local_sources(archives: Iterable[str], licence: str) -> list[dict[str, Any]]:
    """Describe local archives, in LibriTTS's layout, as sources.

    Args:
        archives: `PATH`, or `NAME=PATH` for a corpus of that name (letters, digits, `.`, `_`, `-`). Without a name the
            corpus is `local`. In all of them, equal speaker numbers are one person.
        licence: Terms of the recordings.

    Raises:
        PlainLineError: If the licence is not for everybody to read.
        ConfigError: If a file is not a tar archive in LibriTTS's layout, or two of one name hold the same subset.
    """
    licence = plain_line(licence, "--licence")
    sources: list[dict[str, Any]] = []
    for archive in archives:
        name, path = _named(archive)
        subset = _subset_of(path)
        if any((source["corpus"], source["subset"]) == (name, subset) for source in sources):
            raise ConfigError(
                f"{path} holds subset {subset}, as another one does; tell them apart by names: --archive NAME={path}"
            )
        source = {"corpus": name, "subset": subset, "url": path.resolve().as_uri(), "licence": licence}
        sources.append(source | _hashes(path) | ({} if name == LOCAL else {"ids": LOCAL}))
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


def _subset_of(archive: Path) -> str:
    try:
        with archive.open("rb") as file:
            kind = what_it_is(file.read(HEAD_BYTES))
        if kind:
            raise ConfigError(f"{archive} is {kind}; {READ}: pack it as one")
        with tarfile.open(archive, "r|gz") as tar:
            for member in tar:
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                if member.isfile() and len(parts) == 5:  # LibriTTS/<subset>/<speaker>/<chapter>/<file>
                    return parts[1]
    except FileNotFoundError:
        raise ConfigError(f"{archive} does not exist") from None
    except OSError as error:
        raise ConfigError(f"{archive} can't be read: {error.strerror or error}; see that it is whole") from None
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ConfigError(f"{archive} can't be read as a tar archive: {error}; see that it is whole") from None
    raise ConfigError(
        f"{archive} holds no file like LibriTTS/<subset>/<speaker>/<chapter>/<speaker>_<chapter>_..., which is the "
        "layout that is read here"
    )


def _hashes(archive: Path) -> dict[str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with archive.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            sha256.update(block)
    return {"md5": md5.hexdigest(), "sha256": sha256.hexdigest()}

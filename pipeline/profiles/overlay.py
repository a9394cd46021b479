"""`peewee-tts profile NAME`: merge an overlay into params.yaml, and show the difference.

An overlay is a file of `pipeline/profiles/`, which may extend another, or what a release was made with. Mappings are
merged, values and lists replaced; keys that the overlay does not name are kept, comments too (ruamel.yaml; considered:
DVC's own `dvc exp run --set-param`, which leaves no trace in git before a run).
"""

import difflib
import hashlib
import io
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from peewee_model.errors import ConfigError, PeeweeError
from pipeline.params import PARAMS_FILE

PROFILES = Path(__file__).parent / "profiles"
SHIPPED = "mini"
"""What params.yaml is in a fresh clone."""
LOCAL = "local"
"""Corpus of archives without a name, and what the ids of all archives at hand begin with."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
HELD_OUT = {"dev": "validation", "test": "test"}


def yaml_editor() -> YAML:
    """Make an editor of YAML in which comments and order stay."""
    editor = YAML()  # round trip; plain data only
    editor.width = 120
    editor.indent(mapping=2, sequence=4, offset=2)
    editor.preserve_quotes = True
    return editor


def merge(document: Any, overlay: Any) -> None:
    """Merge an overlay into a document, in place."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict) and not _replaced_whole(key):
            merge(document[key], value)
        elif document.get(key) != value:  # else its comments would be lost for nothing
            document[key] = value


def _replaced_whole(key: str) -> bool:
    """A mapping of free keys (subset names, metric names) is one value: merging would keep another corpus's keys."""
    return key in ("by_subset", "within", "gate")


def apply(overlay: dict[str, Any], path: Path = PARAMS_FILE) -> str:
    """Merge an overlay into a params.yaml.

    Returns:
        The difference, as a unified diff; empty if there is none.
    """
    editor = yaml_editor()
    before = path.read_text(encoding="utf-8")
    document = editor.load(before)
    merge(document, overlay)
    buffer = io.StringIO()
    editor.dump(document, buffer)
    after = buffer.getvalue()
    part = path.with_suffix(".part")
    part.write_text(after, encoding="utf-8")
    part.replace(path)
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), str(path), str(path))
    return "".join(lines)


def load_overlay(name: str, folder: Path = PROFILES) -> dict[str, Any]:
    """Read an overlay by the profile's name.

    Raises:
        ConfigError: If there is none of that name; those that are, are listed.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"no profile {name!r}; there are: {', '.join(names(folder))}")
    overlay: dict[str, Any] = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    extended = load_overlay(overlay.pop("extends"), folder) if "extends" in overlay else {}
    merge(extended, overlay)
    return extended


def names(folder: Path = PROFILES) -> list[str]:
    """Name the profiles that there are."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def local_sources(archives: Iterable[str], licence: str) -> list[dict[str, Any]]:
    """Describe archives at hand, in LibriTTS's layout, as sources.

    Args:
        archives: `PATH`, or `NAME=PATH` for a corpus of that name (letters, digits, `.`, `_`, `-`). Without a name the
            corpus is `local`. All number their speakers alike: equal numbers are one person.
        licence: Terms of the recordings.

    Raises:
        ConfigError: If a file is not a tar archive in LibriTTS's layout, or two of one name hold the same subset.
    """
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

    What they do not fill is drawn from the other speakers, 15 % each.
    """
    held_out = {subset: split for subset in subsets for prefix, split in HELD_OUT.items() if subset.startswith(prefix)}
    if held_out and "test" not in held_out.values():
        held_out = dict.fromkeys(held_out, "test")
    validation = 0.0 if "validation" in held_out.values() else 0.15
    test = 0.0 if "test" in held_out.values() else 0.15
    return {"by_subset": held_out, "within": {}, "validation_fraction": validation, "test_fraction": test}


def with_archives(overlay: dict[str, Any], sources: list[dict[str, Any]]) -> dict[str, Any]:
    """Add sources to an overlay, and the split that their subsets suggest where the overlay does not say its own.

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
        with tarfile.open(archive, "r|*") as tar:
            for member in tar:
                parts = [part for part in member.name.split("/") if part not in ("", ".")]
                if member.isfile() and len(parts) == 5:  # LibriTTS/<subset>/<speaker>/<chapter>/<file>
                    return parts[1]
    except FileNotFoundError:
        raise ConfigError(f"{archive} does not exist") from None
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ConfigError(f"{archive} can't be read as a tar archive: {error}") from None
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


def takes_archives(overlay: dict[str, Any]) -> bool:
    """Whether a profile speaks of no corpus: the user's archives are its corpus."""
    return "corpus" not in overlay


def command(
    name: Annotated[
        str | None, typer.Argument(help="One of pipeline/profiles: mini, local, single-voice, libritts-960, ...")
    ] = None,
    archive: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[NAME=]PATH",
            help="For local, multi-speaker, further, single-voice: a .tar.gz in LibriTTS's layout; may be given again.",
        ),
    ] = None,
    licence: Annotated[
        str, typer.Option(help="With --archive: terms of the recordings, for the release's manifest.")
    ] = "as stated by the archives' owner",
    base: Annotated[
        str | None,
        typer.Option(help="STORE@CHANNEL or STORE@VERSION: the release that further and single-voice go on from."),
    ] = None,
    release: Annotated[
        str | None, typer.Option(help="STORE@CHANNEL or STORE@VERSION, in place of NAME: to train that release again.")
    ] = None,
) -> None:
    """Merge a profile into params.yaml and print the difference."""
    if (name is None) == (release is None):
        raise PeeweeError("name a profile or a --release, one of the two")
    if name is None:
        from pipeline.adaptation import settings

        if archive or base:
            raise PeeweeError("--release names its own archives and base; leave --archive and --base out")
        overlay, name = load_overlay(SHIPPED), f"that of {release}"  # SHIPPED for what the release does not know of
        merge(overlay, settings.pin(str(release)).manifest.params)
    else:
        overlay = _named_overlay(name, archive or [], licence, base)
    difference = apply(overlay)
    typer.echo(difference or f"params.yaml is profile {name} already.")


def _named_overlay(name: str, archive: list[str], licence: str, base: str | None) -> dict[str, Any]:
    """A profile with the archives and the release to start from that it asks for."""
    overlay = load_overlay(name)
    if takes_archives(overlay) != bool(archive):
        own = [known for known in names() if takes_archives(load_overlay(known))]
        raise PeeweeError(
            f"profiles {', '.join(own)} take --archive PATH, once for each archive; no other profile takes it"
        )
    starts_from_a_release = bool(overlay.get("base", {}).get("parts"))
    if starts_from_a_release != (base is not None):
        need = "starts from a release: add --base STORE@CHANNEL" if starts_from_a_release else "takes no --base"
        raise PeeweeError(f"profile {name} {need}")
    if base is not None:
        from pipeline.adaptation import settings

        settings.start_from(overlay, settings.pin(base))
    if archive:
        with_archives(overlay, local_sources(archive, licence))
    return overlay

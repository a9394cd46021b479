"""`peewee-tts profile NAME`: merge an overlay into params.yaml, and show the difference.

An overlay is a file of `pipeline/profiles/`; it may extend another. Mappings are merged, values and lists replaced;
keys that the overlay does not name are kept, comments too (ruamel.yaml; considered: DVC's own
`dvc exp run --set-param`, which leaves no trace in git before a run).
"""

import difflib
import hashlib
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from peewee_model.errors import ConfigError, PeeweeError
from pipeline.params import PARAMS_FILE

PROFILES = Path(__file__).parent / "profiles"
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
    return key in ("by_subset", "gate")


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


def local_sources(archives: Iterable[Path], corpus: str, licence: str) -> dict[str, Any]:
    """Describe archives at hand, in LibriTTS's layout, as sources, and divide their subsets into splits.

    Subsets named dev* or test* are held out: validation and test; with one of the two alone, it is the test split and
    validation speakers are taken from the rest.

    Raises:
        ConfigError: If a file is not a tar archive in LibriTTS's layout, or two hold the same subset.
    """
    sources: list[dict[str, str]] = []
    held_out: dict[str, str] = {}
    for archive in archives:
        subset = _subset_of(archive)
        if any(source["subset"] == subset for source in sources):
            raise ConfigError(f"{archive} holds subset {subset}, as another one does; give it another folder name")
        sources.append({"corpus": corpus, "subset": subset, "url": archive.resolve().as_uri(), "licence": licence})
        sources[-1] |= _hashes(archive)
        for prefix, split in HELD_OUT.items():
            if subset.startswith(prefix):
                held_out[subset] = split
    if held_out and "test" not in held_out.values():
        held_out = dict.fromkeys(held_out, "test")
    validation = 0.0 if "validation" in held_out.values() else 0.15
    test = 0.0 if "test" in held_out.values() else 0.15
    fractions = {"validation_fraction": validation, "test_fraction": test}
    return {"corpus": {"sources": sources}, "ingest": {"split": {"by_subset": held_out, **fractions}}}


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


def command(
    name: Annotated[str, typer.Argument(help="mini, local, libritts-clean-100, libritts-clean-460 or libritts-960.")],
    archive: Annotated[
        list[Path] | None, typer.Option(help="With `local`: a .tar.gz in LibriTTS's layout; may be given again.")
    ] = None,
    licence: Annotated[
        str, typer.Option(help="With `local`: terms of the recordings, for the release's manifest.")
    ] = "as stated by the archives' owner",
) -> None:
    """Merge a profile into params.yaml and print the difference."""
    if (name == "local") != bool(archive):
        raise PeeweeError("`profile local` takes --archive PATH, once for each archive; no other profile takes it")
    overlay = load_overlay(name)
    if archive:
        merge(overlay, local_sources(archive, "local", licence))
    difference = apply(overlay)
    typer.echo(difference or f"params.yaml is profile {name} already.")

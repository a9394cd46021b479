"""Merge an overlay into params.yaml, and show the difference.

An overlay is a file of `pipeline/profiles/`, which may extend another one, or the parameters of a release. Mappings are
merged; values and lists are replaced. Keys that are not in the overlay are kept, and so are comments (ruamel.yaml).
Also considered: DVC's own `dvc exp run --set-param`, which leaves no trace in git before a run.
"""

import difflib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from peewee_model.errors import ConfigError
from peewee_model.files import write_whole
from pipeline.params.params import PARAMS_FILE, check_texts
from pipeline.params.yaml_file import load_yaml, read_yaml

PROFILES = Path(__file__).parent
SHIPPED = "mini"
"""The profile of params.yaml in a fresh clone."""


def yaml_editor() -> YAML:
    """Make an editor of YAML in which comments and order stay."""
    editor = YAML()  # round trip; plain data only
    editor.width = 120
    editor.indent(mapping=2, sequence=4, offset=2)
    editor.preserve_quotes = True
    return editor


Accept = Callable[[dict[str, Any]], None]
"""Receives a changed document, and raises a ConfigError if it can't be used."""


def edit(path: Path, change: Callable[[Any], None], accept: Accept | None = None) -> tuple[str, str]:
    """Change a YAML file in place; its comments stay.

    Args:
        path: The file.
        change: Receives the document, and changes it.
        accept: Called before anything is written.

    Returns:
        The text before and after.

    Raises:
        ConfigError: If the file is missing, or is not YAML.
    """
    read_yaml(path)  # the error is reported there
    before = path.read_text(encoding="utf-8")
    editor = yaml_editor()
    document = editor.load(before)
    change(document)
    buffer = io.StringIO()
    editor.dump(document, buffer)
    if accept:
        accept(load_yaml(buffer.getvalue()))
    write_whole(path, buffer.getvalue())
    return before, buffer.getvalue()


def merge(document: Any, overlay: Any) -> None:
    """Merge an overlay into a document, in place."""
    for key, value in overlay.items():
        if isinstance(value, dict) and isinstance(document.get(key), dict) and not _replaced_whole(key):
            merge(document[key], value)
        elif key not in document or document[key] != value:  # an equal one keeps its comments
            document[key] = value


def _replaced_whole(key: str) -> bool:
    """Return whether a mapping is replaced as a whole.

    Its keys are then names (of subsets, of metrics), and a merge would keep the keys of another corpus.
    """
    return key in ("by_subset", "by_speaker", "within", "gate")


def apply(overlay: dict[str, Any], path: Path = PARAMS_FILE, accept: Accept | None = None) -> str:
    """Merge an overlay into a params.yaml.

    Args:
        overlay: What to merge.
        path: The file.
        accept: Called before anything is written; see `edit`.

    Returns:
        The difference, as a unified diff; empty if there is none.

    Raises:
        ConfigError: If the file is missing or is not YAML, or a text in the overlay is not for everybody to read.
    """
    check_texts(overlay, "the profile")
    before, after = edit(path, lambda document: merge(document, overlay), accept)
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), str(path), str(path))
    return "".join(lines)


def load_overlay(name: str, folder: Path = PROFILES) -> dict[str, Any]:
    """Read an overlay by the profile's name.

    Raises:
        ConfigError: If there is none of that name; the message lists all names.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"no profile {name!r}; there are: {', '.join(names(folder))}")
    return read_overlay(path, folder)


def read_overlay(path: Path, folder: Path = PROFILES) -> dict[str, Any]:
    """Read an overlay from a file, which may extend a profile of the folder.

    Raises:
        ConfigError: If it is no YAML, or extends a profile that is not there.
    """
    overlay = read_yaml(path)
    extended = load_overlay(overlay.pop("extends"), folder) if "extends" in overlay else {}
    merge(extended, overlay)
    return extended


def names(folder: Path = PROFILES) -> list[str]:
    """List the names of all profiles."""
    return sorted(path.stem for path in folder.glob("*.yaml"))

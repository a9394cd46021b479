"""YAML, read in one way everywhere: version 1.2, by the library that DVC reads it with.

So a stage uses the same values that DVC compares and records. In YAML 1.1, which PyYAML reads, `010` is 8, `1e-06` a
string and `no` false; here they are 10, a number and a string.
"""

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.error import YAMLError as YAMLError

from peewee_model.errors import ConfigError

_DUPLICATE = re.compile(r"found duplicate key \"?(.*?)\"? with value")


def load_yaml(text: bytes | str) -> Any:
    """Read plain data.

    Raises:
        YAMLError: If the text is not YAML, or a mapping has a key twice; see `what_is_wrong`.
    """
    return YAML(typ="safe").load(text)


def dump_yaml(document: Any) -> bytes:
    """Write YAML that DVC reads; the same document gives the same bytes."""
    editor = YAML(typ="safe")
    editor.default_flow_style = False
    buffer = io.BytesIO()
    editor.dump(document, buffer)
    return buffer.getvalue()


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds a mapping, as plain data.

    Raises:
        ConfigError: If the file is missing or can't be read, or holds something else; in one line, with the remedy.
    """
    try:
        document = load_yaml(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; run from the root of the repository") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}; see who may read it") from None
    except YAMLError as error:
        raise ConfigError(f"{path} is not valid YAML{what_is_wrong(error)}; correct it") from None
    except ValueError as error:  # of a value: 2026-02-30
        raise ConfigError(f"{path} is not valid YAML: {error}; correct it") from None
    if document is None:
        raise ConfigError(f"{path} is empty; restore it, for instance by `git checkout -- {path}`")
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: expected sections at the top level, found {type(document).__name__}")
    if odd := [key for key in document if not isinstance(key, str)]:
        raise ConfigError(f"{path}: the section {odd[0]!r} is no name; correct it")
    return document


def what_is_wrong(error: YAMLError) -> str:
    """Describe a YAML error without its own text, which quotes values: they may contain the password of a URL."""
    if not isinstance(error, MarkedYAMLError):
        first = str(error).strip().split("\n")[0]
        return f": {first}" if first.isascii() and "://" not in first else ""
    mark = error.problem_mark or error.context_mark
    where = f" in line {mark.line + 1}" if mark else ""
    found = _DUPLICATE.match(error.problem or "")
    what = f"the key {found[1]!r} is there twice" if found else error.problem or error.context
    return f"{where}: {what}"

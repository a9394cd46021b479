"""YAML as DVC reads and writes it: version 1.2, where the 1e-06 of a dvc.lock is a number. To PyYAML it is a string."""

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError as YAMLError


def load_yaml(text: bytes | str) -> Any:
    """Read plain data.

    Raises:
        YAMLError: If the text is no YAML.
    """
    return YAML(typ="safe").load(text)


def dump_yaml(document: Any) -> bytes:
    """Write YAML that DVC reads; the same document gives the same bytes."""
    editor = YAML(typ="safe")
    editor.default_flow_style = False
    buffer = io.BytesIO()
    editor.dump(document, buffer)
    return buffer.getvalue()

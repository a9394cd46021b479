"""Reads params.yaml strictly: an unknown or missing key, or a value of the wrong kind, is an error.

A stage declares what it reads by a pydantic model whose fields are top-level sections of params.yaml. A section's own
model is beside the code that it configures. dvc.yaml names the same sections, and a test compares the two.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from peewee_model.errors import ConfigError, describe_characters, unreadable_characters
from pipeline.params.yaml_file import read_yaml

PARAMS_FILE = Path("params.yaml")


class Section(BaseModel):
    """A part of params.yaml. Unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Sections = TypeVar("Sections", bound=Section)


def check_texts(value: Any, what: str) -> None:
    """Refuse parameters that readers of a release could not parse or show. A release contains all parameters, for ever.

    Args:
        value: Plain data.
        what: Its name in an error.

    Raises:
        ConfigError: Names the parameter, and the characters that can't be in it.
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(key, str):
                check_texts(key, f"{what}: a name")
            check_texts(inner, f"{what}: {key}")
    elif isinstance(value, list):
        for inner in value:
            check_texts(inner, what)
    elif isinstance(value, str) and (found := unreadable_characters(value.replace("\n", " "))):
        raise ConfigError(f"{what} holds {describe_characters(found)}; write plain text")


def read(kind: type[Sections], path: Path = PARAMS_FILE) -> Sections:
    """Read the sections of a stage.

    Args:
        kind: A model whose fields are the stage's sections of params.yaml.
        path: The file.

    Raises:
        ConfigError: Names the key, the error, and the file.
    """
    return parse(kind, read_yaml(path), path)


def parse(kind: type[Sections], document: Mapping[str, Any], path: Path) -> Sections:
    """Parse the sections of a stage in a document that was read from a file; see `read`."""
    check_texts(document, str(path))
    try:
        return kind.model_validate({name: document[name] for name in kind.model_fields if name in document})
    except ValidationError as error:
        raise ConfigError("; ".join(f"{path}: {_explain(item)}" for item in error.errors())) from None


def _explain(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    match item["type"]:
        case "extra_forbidden":
            return f"{key} is unknown; remove it or correct its spelling"
        case "missing":
            return f"{key} is missing; add it"
        case "value_error":
            return f"{key}: {item['ctx']['error']}"
        case _:
            return f"{key} is {_shown(item['input'])}: {item['msg'][0].lower()}{item['msg'][1:]}"


def _shown(value: Any) -> str:
    """Return a value in a form that an error may contain: a URL in it could contain a password."""
    if isinstance(value, dict | list | tuple):
        return f"a {type(value).__name__}"
    return "a URL" if isinstance(value, str) and "://" in value else repr(value)

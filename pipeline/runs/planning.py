"""Plans a run: its commit and its parameters are recorded once, before any stage runs."""

import datetime
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from peewee_model.public_text import check_plain_line, plain_line
from pipeline.params.params import check_texts
from pipeline.params.yaml_file import YAMLError, load_yaml, read_yaml, what_is_wrong
from pipeline.profiles import overlay as profiles
from pipeline.runs.checkout import PARAMS

logger = logging.getLogger(__name__)


MAX_OVERRIDE = 100_000
"""Characters of one `KEY=VALUE`: a value may be a list of a hundred archives."""


def checked_reason(reason: str, **asked: str | None) -> str:
    """Check the texts of a plan before any other work, because a plan is kept for ever.

    Args:
        reason: Why the run is planned; may be blank.
        asked: The other texts, by the names of their options; None for one that was not given.

    Returns:
        The reason as one line.

    Raises:
        PlainLineError: If one is not for everybody to read.
    """
    for name, text in asked.items():
        if text is not None:
            check_plain_line(text, f"--{name}")
    return plain_line(reason, "--reason") if reason.strip() else ""


def parse_overrides(items: list[str]) -> dict[str, Any]:
    """Read `KEY=VALUE`, the value as YAML.

    Raises:
        PlainLineError: If one is not for everybody to read.
        ConfigError: If one has another form.
    """
    found: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        check_plain_line(item, "--set", MAX_OVERRIDE)
        if not equals or not key:
            raise ConfigError(f"--set {item}: write it as KEY=VALUE, such as encoder.training.schedule.steps=200")
        try:
            found[key] = load_yaml(text)
        except YAMLError as error:
            raise ConfigError(f"--set {key}: the value is not YAML{what_is_wrong(error)}; correct it") from None
        check_texts(found[key], f"--set {key}")
    return found


def change_params(clone: Path, profile: str | None, overrides: Mapping[str, Any]) -> str | None:
    """Write a run's changes into a clone's params.yaml.

    Args:
        clone: The clone, whose profiles are used.
        profile: Merged first.
        overrides: Dotted key to value. A key must exist already; otherwise it may be a typing error.

    Returns: The file's new text; None if nothing changed.

    Raises:
        ConfigError: If there is no such profile or key, or params.yaml is not YAML.
    """
    path = clone / PARAMS
    before = read_yaml(path)
    if profile:
        profiles.apply(profiles.load_overlay(profile, clone / "pipeline" / "profiles"), path)

    def override(document: Any) -> None:
        for key, value in overrides.items():
            _set(document, key, value)

    if overrides:
        profiles.edit(path, override)
    return None if read_yaml(path) == before else path.read_text(encoding="utf-8")


def now() -> str:
    """Return the time, UTC, ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _set(document: Any, key: str, value: Any) -> None:
    """Set a value. A key itself may contain dots (`gate.speaker.eer.max`): the longest existing key is used."""
    parts = key.split(".")
    node = document
    while parts:
        if not isinstance(node, dict):
            raise ConfigError(f"--set {key}: params.yaml has no mapping above `{'.'.join(parts)}`")
        n = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in node), None)
        if n is None:
            raise ConfigError(f"--set {key}: params.yaml has no `{parts[0]}` there, only {', '.join(map(str, node))}")
        name, parts = ".".join(parts[:n]), parts[n:]
        if not parts:
            node[name] = value
            return
        node = node[name]

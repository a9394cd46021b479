"""Copies the release that trainings start from out of its store: `models/base`."""

import json
import logging
import shutil
from pathlib import Path

from peewee_model.errors import ConfigError
from peewee_model.release.verification import verify_release
from peewee_model.store.reference import Reference, parse_reference
from peewee_model.store.store import open_store
from pipeline.params.params import Section, read
from pipeline.warm_start import BASE, RECORD, RELEASE, WarmStartConfig

logger = logging.getLogger(__name__)


class Params(Section):
    """The sections of params.yaml that the stage reads."""

    base: WarmStartConfig


def fetch_base() -> None:
    """Record the release that params.yaml names, and copy it, verified.

    Raises:
        ConfigError: If params.yaml names a channel and not a version.
        ReleaseNotFoundError: If there is no such release.
        TamperedReleaseError: If it differs from its version.
    """
    named = read(Params).base.release
    shutil.rmtree(BASE, ignore_errors=True)
    BASE.mkdir(parents=True)
    record: dict[str, str | None] = {"release": None}
    if named is not None:
        store, version = _fetch(named, RELEASE)
        record = {"release": f"{store}@{version}", "store": store, "version": version}
        logger.info("base=%s version=%s", store, version)
    RECORD.write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _fetch(named: str, target: Path) -> tuple[str, str]:
    """Copy a release out of its store; return the store's address and the version."""
    reference = parse_reference(named)
    store = open_store(reference.address)
    if not reference.is_version:
        # A channel may point to another release later, but the stage's result would stay. So a version is required.
        version = store.resolve(reference.selector)
        raise ConfigError(
            f"params.yaml: base.release is {named!r}, a channel, which may point to another release tomorrow; write "
            f"the version that it points to today: {Reference(reference.address, version)}"
        )
    folder, version = store.fetch(reference.selector)
    shutil.copytree(folder, target)
    verify_release(target, version)
    return store.address, version

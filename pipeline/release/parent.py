"""The release that trainings started from: its entry in the manifest of the new release."""

import json
from collections.abc import Mapping
from typing import Any

from peewee_model.public_text import masked
from peewee_model.release.manifest import MANIFEST, ParentEntry, read_manifest
from pipeline.release.evidence import BundleError, check_files
from pipeline.release.links import ReleaseLinks
from pipeline.warm_start import RECORD, RELEASE, WarmStartConfig


def read_parent(params: Mapping[str, Any], links: ReleaseLinks) -> ParentEntry | None:
    """Describe the release that `fetch_base` copied into the current folder.

    Args:
        params: The stages' parameters.
        links: The stages' outputs.

    Returns:
        None if no training started from a release.

    Raises:
        BundleError: If the files are not those that `fetch_base` wrote.
    """
    config = WarmStartConfig.model_validate(params.get("base") or {"release": None, "parts": ()})
    if not config.parts:
        return None
    check_files([RECORD, RELEASE / MANIFEST], links)
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    manifest, version = read_manifest(RELEASE)
    if version != record["version"]:
        raise BundleError(f"{RECORD} names release {record['version']}, but {RELEASE} is {version}; run `dvc repro`")
    return ParentEntry(
        version=version,
        store=masked(record["store"]),
        parts=config.parts,
        corpora=manifest.corpora,
        parent=manifest.parent,
    )

"""Compares a release with its version. Nothing of it is used before that; no torch is imported."""

import json
import os
import stat
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from peewee_model.errors import ConfigError, ReleaseNotFoundError
from peewee_model.release.manifest import (
    MANIFEST,
    MAX_MANIFEST_SIZE,
    MODELS,
    Manifest,
    differs,
    hash_file,
    mel_configs,
    parse_manifest,
    read_small,
)
from peewee_model.release.safetensors_header import check_header


def verify_release(
    folder: Path,
    expected_version: str,
    hashed: Collection[str] = (),
    progress: Callable[[int], object] | None = None,
) -> Manifest:
    """Compare a release with its version, before any tensor of it is read.

    Args:
        folder: The release.
        expected_version: The version that its channel points to, or that its user asked for.
        hashed: Files whose SHA-256 the caller has just compared with the manifest.
        progress: Receives the size of each file that was compared.

    Raises:
        ReleaseNotFoundError: If the folder holds no manifest.
        TamperedReleaseError: Names the first file that differs, what was expected, and what was found.
    """
    if folder.is_symlink() or not folder.is_dir():
        differs(folder, expected_version, ".", "a folder", "a link" if folder.is_symlink() else "no folder")
    path = folder / MANIFEST
    try:
        data = read_small(path, MAX_MANIFEST_SIZE)
    except FileNotFoundError:
        raise ReleaseNotFoundError(f"{path} is missing; release {expected_version} is only half there") from None
    manifest = parse_manifest(data, expected_version, folder)
    _check_listing(folder, expected_version, manifest)
    for name, entry in sorted(manifest.files.items()):
        found = entry.sha256 if name in hashed else hash_file(folder / name).sha256
        if found != entry.sha256:
            differs(folder, expected_version, name, f"sha256 {entry.sha256}", f"sha256 {found}")
        if progress:
            progress(entry.size)
    check_models(folder, expected_version, manifest)
    return manifest


def check_models(folder: Path, version: str, manifest: Manifest) -> None:
    """Check that weights are valid safetensors, and that configs equal the manifest's. No hash is computed.

    Raises:
        TamperedReleaseError: As `verify_release`.
    """
    for name, entry in sorted(manifest.files.items()):
        if name.endswith(".safetensors") and (problem := check_header(folder / name, entry.size)):
            differs(folder, version, name, *problem)
    _check_configs(folder, version, manifest)


def _check_listing(folder: Path, version: str, manifest: Manifest) -> None:
    found: set[str] = set()
    for name, status in _walk(folder):
        if not stat.S_ISREG(status.st_mode):
            differs(folder, version, name, "a regular file", "a link" if stat.S_ISLNK(status.st_mode) else "a device")
        if name == MANIFEST:
            continue
        entry = manifest.files.get(name)
        if entry is None:
            differs(folder, version, name, "no such file", "one that the manifest does not list")
        if status.st_size != entry.size:
            differs(folder, version, name, f"{entry.size} bytes", f"{status.st_size} bytes")
        found.add(name)
    for name in sorted(manifest.files.keys() - found):
        differs(folder, version, name, f"{manifest.files[name].size} bytes", "no file")


def _walk(folder: Path, prefix: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield every entry that is not a folder; links are not followed."""
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path), f"{prefix}{entry.name}/")
            else:
                yield prefix + entry.name, entry.stat(follow_symlinks=False)


def _check_configs(folder: Path, version: str, manifest: Manifest) -> None:
    for model in MODELS:
        name = f"{model}/config.json"
        try:
            config = json.loads(read_small((folder / name).resolve(), MAX_MANIFEST_SIZE))
        except (ValueError, RecursionError) as error:
            differs(folder, version, name, "JSON", str(error))
        if config != manifest.models.get(model):
            differs(folder, version, name, "the config that the manifest holds", "another")
    try:
        mel = mel_configs(manifest.models)
    except ConfigError as error:
        differs(folder, version, MANIFEST, "models that fit together", str(error))
    if mel != manifest.mel:
        differs(folder, version, MANIFEST, "the mel configs of its models", "others")

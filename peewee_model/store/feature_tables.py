"""Feature tables in a store: written once, also if several releases were trained on them."""

import logging
from collections.abc import Mapping
from pathlib import Path

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release.features import FeaturesManifest, parse_features
from peewee_model.release.manifest import MANIFEST, VERSION_PATTERN, version_of
from peewee_model.store.backend import Backend, Source

logger = logging.getLogger(__name__)


class FeatureTables:
    """The feature tables of one store.

    Args:
        address: Of the store, for messages.
        backend: Its kind.
    """

    def __init__(self, address: str, backend: Backend) -> None:
        self._address = address
        self._backend = backend

    def add(self, manifest: FeaturesManifest, files: Mapping[str, Path]) -> str:
        """Put feature tables into the store, unless it has them already.

        Args:
            manifest: The list of the tables.
            files: The local path of each table.

        Returns:
            Their version.

        Raises:
            TamperedReleaseError: If a file differs from the manifest.
        """
        data, version = manifest.to_bytes(), manifest.version
        if missing := sorted(manifest.files.keys() - files.keys()):
            raise ReleaseError(f"features {version}: no file was given for {missing[0]}; run `dvc pull`")
        prefix = f"features/{version}"
        if self._backend.read(f"{prefix}/{MANIFEST}") is None:
            sources = {name: Source(files[name], entry) for name, entry in manifest.files.items()}
            self._backend.add(prefix, sources, MANIFEST, data)
            logger.info("features=%s added_to=%s files=%d", version, self._address, len(sources))
        return version

    def read(self, version: str) -> FeaturesManifest:
        """Read the list of feature tables, compared with its version.

        Raises:
            ReleaseNotFoundError: If there are none of that version.
            TamperedReleaseError: If the list has another version.
        """
        key = f"features/{version}/{MANIFEST}"
        data = self._backend.read(key, keep=True) if VERSION_PATTERN.fullmatch(version) else None
        if data is not None and version_of(data) != version:
            data = self._backend.read(key)  # the copy in the cache is damaged, or the one in the store
        if data is None:
            found = ", ".join(self._backend.names("features")) or "none; publish with `publish.features: true`"
            raise ReleaseNotFoundError(f"{self._address} has no features {version}; it has: {found}")
        if version_of(data) != version:
            raise TamperedReleaseError(
                f"{self._address}/{key}: expected version {version}, found version {version_of(data)}; "
                "do not use it, and restore it"
            )
        return parse_features(data, f"{self._address}/{key}")

    def fetch(self, version: str, name: str) -> Path:
        """Return one feature table as a local file, verified. A table of a remote store is kept in the local cache.

        Raises:
            ReleaseNotFoundError: If there is no such table.
            TamperedReleaseError: If it differs from the manifest.
        """
        manifest = self.read(version)
        if name not in manifest.files:
            found = ", ".join(sorted(manifest.files)[:5])
            raise ReleaseNotFoundError(f"{self._address}: features {version} hold no {name!r}, but {found}")
        return self._backend.file(f"features/{version}/{name}", manifest.files[name])

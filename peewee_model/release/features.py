"""Feature tables in a store: the Parquet files that a release was trained on, named by a hash of their content.

    STORE/features/<features version>/manifest.json          every file with SHA-256 and size, written last
    STORE/features/<features version>/utterances.parquet
    STORE/features/<features version>/mels/acoustic/part-00000.parquet

The manifest's bytes are those of `features.json` in every release that was trained on them, and their hash is the
version. So two releases of the same mels share one upload. The release's manifest contains the hash of
    `features.json`, so it also protects the tables.
This module imports no pyarrow: the reader of the tables chooses a library.
"""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.manifest import FileEntry, check_name, version_of

FEATURES_FILE = "features.json"
"""The manifest's name in a release."""
SUFFIXES = frozenset({".parquet"})


class FeaturesManifest(BaseModel):
    """The list of feature tables. Equal tables give equal bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    format: Literal[1] = 1
    files: dict[str, FileEntry] = Field(min_length=1)
    """Every table, by its name in the dataset with forward slashes."""

    @field_validator("files")
    @classmethod
    def _check_names(cls, files: dict[str, FileEntry]) -> dict[str, FileEntry]:
        lowered = {name.lower() for name in files}
        for name in files:
            if wanted := check_name(name, SUFFIXES):
                raise ValueError(f"{name!r} can't be a feature table; it takes {wanted}")
        if len(lowered) != len(files):
            raise ValueError("two tables have names that differ in case only")
        return files

    @property
    def version(self) -> str:
        """The features version: the hash of `to_bytes`, shortened as a release's is."""
        return version_of(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Serialise; these bytes are `features.json` in a release."""
        return json.dumps(self.model_dump(), sort_keys=True, indent=1).encode() + b"\n"


def parse_features(data: bytes, origin: str) -> FeaturesManifest:
    """Read the bytes of a `features.json`.

    Args:
        data: The file.
        origin: Where it comes from, for the message.

    Raises:
        TamperedReleaseError: If it is no such file, or if a name in it can't be a table's.
    """
    try:
        return FeaturesManifest.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TamperedReleaseError(
            f"{origin}: expected a list of feature tables of format 1, found {where}: {first['msg']}; publish it anew"
        ) from None

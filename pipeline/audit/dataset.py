"""The utterances that a release was made of, read from its store: `utterances.parquet` of its features."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from peewee_model.release.features import FEATURES_FILE
from peewee_model.release.manifest import version_of
from peewee_model.store.store import Store
from pipeline.audit.errors import AuditError

UTTERANCES_FILE = "utterances.parquet"
"""The table's name among the features: a row an utterance, without its audio, sorted by speaker and utterance."""


def features_version(store: Store, version: str) -> str:
    """Say which features a release was trained on.

    Raises:
        ReleaseNotFoundError: If the release is not there, or too old to say.
        TamperedReleaseError: If what it says is not what its manifest lists.
    """
    return version_of(store.read_file(version, FEATURES_FILE))


def fetch_utterances(store: Store, features: str) -> Path:
    """Get the table of utterances as a local file, compared with its hash.

    Raises:
        ReleaseNotFoundError: If the store holds no such features.
        TamperedReleaseError: If the table is another.
    """
    return store.feature_tables.fetch(features, UTTERANCES_FILE)


def read_utterances(path: Path, columns: Sequence[str], **equal: str) -> pa.Table:
    """Read columns of a table of utterances, of those rows alone that have the given values.

    Row groups whose statistics exclude the values are not read.

    Raises:
        AuditError: If the file is not such a table.
    """
    filters = [(name, "=", value) for name, value in equal.items()] or None
    try:
        return pq.read_table(path, columns=list(columns), filters=filters)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise AuditError(f"{path} is no table of utterances: {error}; make it again with `dvc repro`") from None

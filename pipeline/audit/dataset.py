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
    """Return the version of the features that a release was trained on.

    Raises:
        ReleaseNotFoundError: If the release does not exist, or is too old to record it.
        TamperedReleaseError: If the record differs from the manifest.
    """
    return version_of(store.read_file(version, FEATURES_FILE))


def fetch_utterances(store: Store, features: str) -> Path:
    """Return the table of utterances as a local file, compared with its hash.

    Raises:
        ReleaseNotFoundError: If the store does not have these features.
        TamperedReleaseError: If the table has another hash.
    """
    return store.feature_tables.fetch(features, UTTERANCES_FILE)


def read_utterances(path: Path, columns: Sequence[str], **equal: str) -> pa.Table:
    """Read columns of a table of utterances, only of rows with the given values.

    Row groups whose statistics exclude the values are not read.

    Raises:
        AuditError: If the file is not such a table.
    """
    filters = [(name, "=", value) for name, value in equal.items()] or None
    try:
        return pq.read_table(path, columns=list(columns), filters=filters)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise AuditError(f"{path} is no table of utterances: {error}; make it again with `dvc repro`") from None

import json

import pytest

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.features import FeaturesManifest, parse_features
from peewee_model.release.manifest import FileEntry

ENTRY = {"sha256": "0f" * 32, "size": 4}
TABLES = ("utterances.parquet", "mels/acoustic/part-00000.parquet")


def document(*names, **changes):
    """A `features.json` by hand."""
    return json.dumps({"format": 1, "files": dict.fromkeys(names or TABLES, ENTRY), **changes}).encode()


def test_equal_tables_have_one_version_whatever_their_order():
    """The version is the hash of bytes that are always the same, and that are read back."""
    entry = FileEntry.model_validate(ENTRY)
    first, second = (FeaturesManifest(files=dict.fromkeys(names, entry)) for names in (TABLES, TABLES[::-1]))
    assert first.to_bytes() == second.to_bytes()
    assert first.version == second.version
    assert len(first.version) == 16
    assert parse_features(first.to_bytes(), "here").version == first.version
    other = FeaturesManifest(files={**first.files, TABLES[0]: FileEntry(sha256="0e" * 32, size=4)})
    assert other.version != first.version


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "JSON"),
        (document(files={}), "at least 1"),
        (document(format=2), "format"),
        (document(made="today"), "made"),
        (document("../utterances.parquet"), "can't be a feature table"),
        (document("/etc/utterances.parquet"), "can't be a feature table"),
        (document("utterances.pickle"), "can't be a feature table"),
        (document("a.parquet", "A.parquet"), "case only"),
        (document(files={"a.parquet": {"sha256": "short", "size": 1}}), "sha256"),
        (document(files={"a.parquet": {**ENTRY, "size": -1}}), "size"),
        (document(files={"a.parquet": {**ENTRY, "size": "4"}}), "size"),
    ],
)
def test_what_is_no_list_of_tables_is_named_by_where_it_comes_from(data, says):
    """Before a table is looked for."""
    with pytest.raises(TamperedReleaseError, match=says) as caught:
        parse_features(data, "release/features.json")
    assert "release/features.json" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1

"""The description for machines, read by MLCommons' own reader: no errors, and the records that are in the tables."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import CorpusEntry, FileEntry, hash_file
from pipeline import tables
from pipeline.release.croissant import CROISSANT, write_croissant

N_ROWS, N_SHARDS = 250, 3
LIBRITTS = {
    "corpus": "libritts", "subset": "dev-clean", "url": "https://ada:hunter2@example.org/dev-clean.tar.gz?sig=hunter2",
    "md5": None, "sha256": "ab" * 32, "licence": "CC BY 4.0",
}  # fmt: skip
MINI = {
    "corpus": "mini", "subset": "train-clean", "url": "mini:train-clean",
    "md5": None, "sha256": "cd" * 32, "licence": "CC0-1.0; synthetic speech",
}  # fmt: skip


def corpus(source):
    named = {name: source[name] for name in ("corpus", "subset", "sha256", "licence")}
    url = source["url"].replace("ada:hunter2", "***").replace("sig=hunter2", "***")
    return CorpusEntry(**named, url=url, n_speakers=2, n_utterances=N_ROWS, hours=1.5, splits={})


def row(schema, index):
    """A value of each column's kind."""
    values = {pa.string(): f"text {index}", pa.int32(): index, pa.float64(): index / 4}
    floats = np.arange(6, dtype=np.float32) + index
    return {column.name: values.get(column.type, floats) for column in schema}


@dataclass
class Place:
    """A store in a folder with feature tables, and the description in a release beside them."""

    features: Path
    croissant: Path
    document: dict[str, Any]


@pytest.fixture
def mel(repository):
    params = yaml.safe_load((repository / "params.yaml").read_text())
    found = params["mel"]
    return found


@pytest.fixture
def place(tmp_path, mel):
    made = tmp_path / "made"
    tables.write_shard(
        made / "utterances.parquet", tables.UTTERANCES, [row(tables.UTTERANCES, index) for index in range(N_ROWS)]
    )
    for name in ("acoustic", "speaker"):
        for shard in range(N_SHARDS):
            rows = [row(tables.MELS, index) for index in range(4)]
            tables.write_shard(made / f"mels/{name}/part-{shard:05d}.parquet", tables.MELS, rows)
    files = {path.relative_to(made).as_posix(): hash_file(path) for path in made.rglob("*.parquet")}
    features = FeaturesManifest(files=files)
    text = write_croissant(
        corpora=[corpus(LIBRITTS), corpus(MINI)],
        params={"corpus": {"sources": [LIBRITTS, MINI]}, "text": {"language": "en-us"}},
        mel=mel,
        features=features,
    )
    folder = tmp_path / "store/features" / features.version
    folder.parent.mkdir(parents=True)
    made.rename(folder)
    release = tmp_path / "store/releases/0123456789abcdef"
    release.mkdir(parents=True)
    (release / CROISSANT).write_text(text)
    (release / "features.json").write_bytes(features.to_bytes())
    return Place(folder, release / CROISSANT, json.loads(text))


def load(path):
    """Read a description; mlcroissant raises on what is an error to it."""
    import mlcroissant as mlc

    dataset = mlc.Dataset(str(path))
    issues = dataset.metadata.ctx.issues
    assert not issues.errors
    # There is no clock in a release, so there is no date in it: the one thing that is recommended and left out.
    assert [issue for issue in issues.warnings if "datePublished" not in issue] == []
    return dataset


def test_description_is_valid_for_mlcroissant(place):
    """The format's own library reads it."""
    metadata = load(place.croissant).metadata
    assert metadata.name == "libritts + mini: utterances and mels"
    assert metadata.version == f"1.0.0+{place.features.name}"
    assert metadata.license == [
        "https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/publicdomain/zero/1.0/",
    ]  # fmt: skip
    assert metadata.url == "https://www.openslr.org/60/"
    assert "zen2019libritts" in metadata.cite_as
    assert metadata.in_language == ["en-us"]
    assert any("Voices of people" in text for text in metadata.personal_sensitive_information)
    assert "SYNTHETIC" in metadata.description


def test_utterances_are_read_from_the_store_and_checked(place):
    """The description is read at its place in a release, without settings or downloads."""
    records = list(load(place.croissant).records("utterances"))
    assert len(records) == N_ROWS
    expected = tables.iter_rows(place.features / "utterances.parquet")
    for found, wanted in zip(records, expected, strict=True):
        plain = {key.partition("/")[2]: v.decode() if isinstance(v, bytes) else v for key, v in found.items()}
        assert plain == wanted
        assert list(plain) == tables.UTTERANCES.names


def test_changed_table_is_not_read(place):
    """Its hash is in the description."""
    import mlcroissant as mlc

    with (place.features / "utterances.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(mlc.GenerationError, match=r"Download\(utterances\.parquet\)") as caught:
        list(load(place.croissant).records("utterances"))
    assert "Hash of downloaded file" in str(caught.value.__cause__)


@pytest.mark.parametrize("name", ["mels/acoustic", "mels/speaker"])
def test_mels_are_read_beside_the_tables(place, name):
    """As columns of numbers."""
    shutil.copy(place.croissant, place.features / CROISSANT)
    records = list(load(place.features / CROISSANT).records(name))
    expected = list(tables.iter_rows(place.features / name))
    assert len(records) == len(expected) == 4 * N_SHARDS
    for found, wanted in zip(records, expected, strict=True):
        assert found[f"{name}/utterance_id"].decode() == wanted["utterance_id"]
        assert np.array_equal(found[f"{name}/mel"], wanted["mel"])


def test_record_sets_have_the_columns_of_the_tables(place):
    """Names and types come from the schemas; a column more there is a field more here."""
    kinds = {"sc:Text": pa.string(), "cr:Int32": pa.int32(), "cr:Float64": pa.float64(), "cr:Float32": pa.float32()}
    for record_set in place.document["recordSet"]:
        schema = tables.UTTERANCES if record_set["@id"] == "utterances" else tables.MELS
        found = {field["name"]: (kinds[field["dataType"]], bool(field.get("isArray"))) for field in record_set["field"]}
        assert found == {
            column.name: (column.type.value_type, True) if pa.types.is_list(column.type) else (column.type, False)
            for column in schema
        }
        assert record_set["key"] == {"@id": f"{record_set['@id']}/utterance_id"}


def test_archives_have_hash_and_address_without_secrets(place):
    """A reader can get them."""
    files = {item["@id"]: item for item in place.document["distribution"]}
    archive = files["libritts-dev-clean.tar.gz"]
    assert archive["sha256"] == "ab" * 32
    assert archive["contentUrl"] == "https://***@example.org/dev-clean.tar.gz?***"
    assert files["mini-train-clean.tar.gz"]["contentUrl"] == "mini:train-clean"
    assert "hunter2" not in place.croissant.read_text()


def test_features_json_vouches_for_every_shard(place):
    """The file sets have no hashes of their own; the file that has them all is listed with its hash."""
    files = {item["@id"]: item for item in place.document["distribution"]}
    listed = hash_file(place.croissant.parent / "features.json")
    assert files["features.json"]["sha256"] == listed.sha256
    assert files["features.json"]["contentSize"] == f"{listed.size} B"


def test_same_input_in_another_order_gives_the_same_bytes(mel):
    """It is a file of a release."""
    names = ["utterances.parquet", "mels/speaker/part-00000.parquet"]
    written = {
        write_croissant(
            corpora=[corpus(MINI)],
            params={"corpus": {"sources": [MINI]}},
            mel=mel,
            features=FeaturesManifest(files={name: FileEntry(sha256="1" * 64, size=1) for name in order}),
        )
        for order in (names, names[::-1])
    }
    (text,) = written
    assert [item["@id"] for item in json.loads(text)["recordSet"]] == ["utterances", "mels/speaker"]


def test_unknown_corpus_is_described_by_what_params_say(mel):
    """Nothing is made up."""
    source = LIBRITTS | {"corpus": "ours", "licence": "All rights reserved"}
    features = FeaturesManifest(files={"utterances.parquet": FileEntry(sha256="1" * 64, size=1)})
    params = {"corpus": {"sources": [source]}}
    document = json.loads(write_croissant(corpora=[corpus(source)], params=params, mel=mel, features=features))
    assert document["license"] == ["All rights reserved"]
    assert document["url"] == "https://***@example.org/dev-clean.tar.gz?***"
    assert "citeAs" not in document

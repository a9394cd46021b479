"""Feature tables are read where they are published, by tools that know nothing of us, and in part."""

import fsspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import hash_file
from peewee_model.store.store import open_store
from pipeline.tables import MELS, write_shard
from tests.servers import fault_proxy

N_SHARDS, N_SPEAKERS, ROWS_PER_SPEAKER, N_MELS = 3, 4, 8, 80  # speakers in a shard, each a row group
SPEAKER = "speaker-1-2"
FOOTERS = N_SHARDS * 2 * 2**16  # bytes: readers guess a footer's size, and take 64 KiB


def write_tables(folder):
    rng = np.random.default_rng(0)
    for shard in range(N_SHARDS):
        rows = [
            {
                "utterance_id": f"utterance-{shard}-{speaker}-{number}",
                "speaker_id": f"speaker-{shard}-{speaker}",
                "split": "train",
                "n_frames": 300 + number,
                "mel": rng.standard_normal(N_MELS * (300 + number)).astype(np.float32),
            }
            for speaker in range(N_SPEAKERS)
            for number in range(ROWS_PER_SPEAKER)
        ]
        write_shard(folder / f"part-{shard:05d}.parquet", MELS, rows, {"mel": {"n_mels": N_MELS}}, ROWS_PER_SPEAKER)


class Published:
    """A table in the store: where it is, what it takes, and what was fetched of it."""

    def __init__(self, proxy, location, folder):
        self._proxy = proxy
        self.endpoint = proxy.endpoint
        self.location = location
        self.size = sum(path.stat().st_size for path in folder.iterdir())
        self.expected = ds.dataset(folder, format="parquet").to_table()
        self.group_size = pq.read_metadata(folder / "part-00001.parquet").row_group(2).total_byte_size

    def fetched(self):
        """Bytes fetched since this was asked last."""
        count = self._proxy.received("GET", "part-")
        self._proxy.exchanges.clear()
        return count


@pytest.fixture
def table(swift, s3_bucket, monkeypatch, tmp_path):
    """A table of acoustic mels, published; its server is reached through a proxy that counts."""
    monkeypatch.setenv("PEEWEE_SINGLE_PUBLISHER", "1")
    folder = tmp_path / "mels/acoustic"
    write_tables(folder)
    files = {f"mels/acoustic/{path.name}": path for path in folder.iterdir()}
    manifest = FeaturesManifest(files={name: hash_file(path) for name, path in files.items()})
    version = open_store(f"s3://{s3_bucket}/store").feature_tables.add(manifest, files)
    with fault_proxy.before(swift.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.endpoint)
        yield Published(proxy, f"{s3_bucket}/store/features/{version}/mels/acoustic", folder)


def check_small_columns(table, found):
    expected = table.expected.select(["utterance_id", "n_frames"]).to_pandas()
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_dtype=False)
    fetched = table.fetched()
    print(f"two small columns: {fetched} of {table.size} bytes, {fetched / table.size:.2%}")
    assert 0 < fetched < FOOTERS < table.size / 20


def check_one_speaker(table, found):
    mask = [value == SPEAKER for value in table.expected["speaker_id"].to_pylist()]
    expected = table.expected.filter(mask).select(["utterance_id", "mel"]).to_pandas()
    assert found["utterance_id"].tolist() == expected["utterance_id"].tolist()
    for ours, theirs in zip(found["mel"], expected["mel"], strict=True):
        np.testing.assert_array_equal(np.asarray(ours, dtype=np.float32), theirs)
    fetched = table.fetched()
    print(f"one speaker's mels: {fetched} of {table.size} bytes, {fetched / table.size:.2%}")
    assert table.group_size * 0.8 < fetched < table.group_size + FOOTERS < table.size / 7


def test_pandas_reads_only_what_it_is_asked_for(table):
    """Counted in bytes that the server sent."""
    # By default, s3fs reads 50 MB at a time.
    options = {"endpoint_url": table.endpoint, "default_cache_type": "none"}
    path = f"s3://{table.location}"
    check_small_columns(table, pd.read_parquet(path, columns=["utterance_id", "n_frames"], storage_options=options))
    found = pd.read_parquet(
        path, columns=["utterance_id", "mel"], filters=[("speaker_id", "==", SPEAKER)], storage_options=options
    )
    check_one_speaker(table, found)


def test_pyarrow_reads_only_what_it_is_asked_for(table, swift):
    """Counted in bytes that the server sent."""
    files = pyarrow.fs.S3FileSystem(
        access_key=swift.access_key, secret_key=swift.secret_key, region=swift.region,
        endpoint_override=table.endpoint,
    )  # fmt: skip
    dataset = ds.dataset(table.location, filesystem=files, format="parquet")
    assert dataset.schema.remove_metadata().equals(MELS)
    table.fetched()
    check_small_columns(table, dataset.to_table(columns=["utterance_id", "n_frames"]).to_pandas())
    found = dataset.to_table(columns=["utterance_id", "mel"], filter=pa.compute.field("speaker_id") == SPEAKER)
    check_one_speaker(table, found.to_pandas())


def test_duckdb_reads_only_what_it_is_asked_for(table):
    """Through fsspec: DuckDB's own reader of S3, the extension httpfs, is a download that tests can't make."""
    import duckdb

    files = fsspec.filesystem("s3", endpoint_url=table.endpoint, default_cache_type="none", skip_instance_cache=True)
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as database:
        database.register_filesystem(files)
        source = f"read_parquet('s3://{table.location}/*.parquet')"
        found = database.sql(f"SELECT utterance_id, n_frames FROM {source}").df()
        check_small_columns(table, found)
        found = database.sql(f"SELECT utterance_id, mel FROM {source} WHERE speaker_id = '{SPEAKER}'").df()
        check_one_speaker(table, found)

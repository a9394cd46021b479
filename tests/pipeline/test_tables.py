import numpy as np
import pandas
import pyarrow.parquet as pq
import pytest

from pipeline import tables
from pipeline.tables import TableError


def rows(n):
    return [
        {"utterance_id": f"u{i}", "speaker_id": "s", "split": "train", "n_frames": 2, "mel": [float(i)] * 4}
        for i in range(n)
    ]


def test_shard_gives_back_its_rows_and_metadata(tmp_path):
    """List columns come as arrays, metadata as it was given."""
    tables.write_shard(tmp_path / "part-00000.parquet", tables.MELS, rows(3), {"mel": {"n_mels": 2}}, rows_per_group=2)
    read = list(tables.iter_rows(tmp_path))
    assert [row["utterance_id"] for row in read] == ["u0", "u1", "u2"]
    np.testing.assert_array_equal(read[2]["mel"], np.full(4, 2.0, np.float32))
    assert tables.read_metadata(tmp_path) == {"mel": {"n_mels": 2}}


def test_shard_has_the_same_bytes_each_time(tmp_path):
    """Nothing but rows and metadata decides them."""
    for name in ("a", "b"):
        tables.write_shard(tmp_path / f"{name}.parquet", tables.MELS, rows(5), {"mel": 1})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_shard_is_read_in_place_by_pandas(tmp_path):
    """It is plain Parquet, with row groups small enough to read a few rows."""
    path = tmp_path / "part-00000.parquet"
    tables.write_shard(path, tables.MELS, rows(5), rows_per_group=2)
    assert pandas.read_parquet(path)["utterance_id"].tolist() == [f"u{i}" for i in range(5)]
    assert pq.ParquetFile(path).num_row_groups == 3


def test_reader_names_what_is_missing_or_damaged(tmp_path):
    """An empty folder, a column of another schema, a file cut in half."""
    with pytest.raises(TableError, match=r"holds no part-\*.parquet"):
        tables.shards(tmp_path)
    path = tmp_path / "part-00000.parquet"
    tables.write_shard(path, tables.MELS, rows(5))
    with pytest.raises(TableError, match="has no column embedding"):
        list(tables.iter_rows(path, ["embedding"]))
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(TableError, match="can't be read"):
        list(tables.iter_rows(path))

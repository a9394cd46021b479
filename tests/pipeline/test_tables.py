import numpy as np
import pandas
import pyarrow.parquet as pq
import pytest

from peewee_model.audio.mel import MelConfig
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


def test_table_says_which_mels_it_holds(tmp_path):
    """And a table that does not, or not whole, is named with what writes it."""
    config = MelConfig(
        sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=2, f_min=0, f_max=8000, log_floor=1e-3
    )
    tables.write_shard(tmp_path / "part-00000.parquet", tables.MELS, rows(3), tables.mel_metadata(config))
    assert (
        tables.mel_config(tmp_path, MelConfig)
        == tables.mel_config(tmp_path / "part-00000.parquet", MelConfig)
        == config
    )
    for metadata in ({}, {"mel": {"n_mels": 2}}):
        tables.write_shard(tmp_path / "part-00000.parquet", tables.MELS, rows(3), metadata)
        with pytest.raises(TableError, match=r"does not say which mels it holds; .*`dvc repro`"):
            tables.mel_config(tmp_path, MelConfig)


def test_mel_of_a_row_has_its_bands_row_after_row(tmp_path):
    """As `extract_mels` writes it: all frames of the first band, then of the second."""
    row = rows(1)[0] | {"n_frames": 3, "mel": [0.0, 1.0, 2.0, 10.0, 11.0, 12.0]}
    tables.write_shard(tmp_path / "part-00000.parquet", tables.MELS, [row])
    (read,) = tables.iter_rows(tmp_path, ["mel"])
    assert tables.shaped_mel(read["mel"], 2).tolist() == [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]

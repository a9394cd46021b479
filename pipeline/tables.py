"""The Parquet tables that stages write and read: their schemas, and the only code that writes and reads them.

A table is a folder of shards `part-00000.parquet`, `part-00001.parquet`, ... A shard is written whole or not at all,
and its bytes depend on its rows and metadata alone. Settings of a whole table (such as the mel settings) are in the
metadata of every shard, so that no second file can contradict the table.
"""

import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError

from peewee_model.errors import PeeweeError

logger = logging.getLogger(__name__)

Mel = TypeVar("Mel", bound=BaseModel)

_FLOATS = pa.list_(pa.field("element", pa.float32(), nullable=False))

CORPUS = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("corpus", pa.string()),
        ("subset", pa.string()),
        ("split", pa.string()),  # train, validation or test
        ("speaker_id", pa.string()),
        ("chapter_id", pa.string()),
        ("text", pa.string()),  # as the corpus gives it
        ("normalized_text", pa.string()),  # as it is spoken, in symbols of the model
        ("sample_rate", pa.int32()),  # Hz
        ("duration_s", pa.float64()),  # after trimming
        ("trimmed_s", pa.float64()),  # edge silence that was cut off
        ("audio", pa.binary()),  # FLAC, mono, 16 bit, edge silence trimmed to a margin
        ("audio_sha256", pa.string()),  # of the decoded 16-bit samples, so that an encoder's version does not matter
    ]
)
"""`data/corpus/part-*.parquet`: a row an utterance, sorted by utterance_id within a shard."""

UTTERANCES = pa.schema([field for field in CORPUS if field.name != "audio"])
"""`data/utterances.parquet`: the whole corpus without its audio, sorted by speaker_id and utterance_id."""

REJECTED = pa.schema(
    [
        ("archive", pa.string()),
        ("member", pa.string()),
        ("utterance_id", pa.string()),  # empty if the file's name has none
        ("reason", pa.string()),  # a short code
        ("detail", pa.string()),
    ]
)
"""`data/rejected.parquet`: a row a file that was refused, with the reason."""

MELS = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("speaker_id", pa.string()),
        ("split", pa.string()),
        ("n_frames", pa.int32()),
        pa.field("mel", _FLOATS, nullable=False),  # (M, T) row after row
    ]
)
"""`data/mels/speaker/`, `data/mels/acoustic/`: a row an utterance; shard by shard as in the corpus."""

UTTERANCE_EMBEDDINGS = pa.schema(
    [
        ("utterance_id", pa.string()),
        ("speaker_id", pa.string()),
        ("split", pa.string()),
        ("embedding", _FLOATS),  # (E,) of length 1
    ]
)
"""`data/speakers/utterances.parquet`."""

SPEAKER_EMBEDDINGS = pa.schema(
    [
        ("speaker_id", pa.string()),
        ("split", pa.string()),
        ("n_utterances", pa.int32()),
        ("embedding", _FLOATS),  # (E,) the normalised mean of the speaker's utterances
    ]
)
"""`data/speakers/speakers.parquet`."""


class TableError(PeeweeError):
    """A table is missing, damaged or not of the schema that its reader expects."""


class ShardWriter:
    """Writes one Parquet file a row group at a time, whole or not at all: use it with `with`.

    A `.part` beside the final name is renamed when the block ends, and removed when it fails.
    """

    def __init__(self, path: Path, schema: pa.Schema, metadata: Mapping[str, Any] | None = None) -> None:
        """Set the file, its schema (one of this module's), and JSON values for its metadata, by key."""
        described = {key: json.dumps(value, sort_keys=True) for key, value in (metadata or {}).items()}
        self._path = path
        self._part = path.with_suffix(path.suffix + ".part")
        self._schema = schema.with_metadata(described)

    def __enter__(self) -> Self:
        """Open the `.part`."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Mels and FLAC hardly shrink further than by zstd at its fastest, on the bytes of floats split into streams.
        floats = [f"{field.name}.list.element" for field in self._schema if field.type == _FLOATS]
        with_statistics = [field.name for field in self._schema if field.type not in (_FLOATS, pa.binary())]
        self._writer = pq.ParquetWriter(
            self._part,
            self._schema,
            compression="zstd",
            compression_level=-5,
            use_dictionary=False,
            use_byte_stream_split=floats,
            write_statistics=with_statistics,  # minimum and maximum of floats or FLAC are useless
        )
        return self

    def write(self, rows: Sequence[Mapping[str, Any]] | pa.Table, rows_per_group: int = 64) -> None:
        """Append rows, in row groups of at most `rows_per_group`; a reader has one group in memory."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=self._schema)
        self._writer.write_table(table.cast(self._schema), row_group_size=rows_per_group)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        """Rename the file to its final name, or remove it after an error."""
        self._writer.close()
        if kind is None:
            self._part.replace(self._path)
        else:
            self._part.unlink(missing_ok=True)


def write_shard(
    path: Path,
    schema: pa.Schema,
    rows: Sequence[Mapping[str, Any]] | pa.Table,
    metadata: Mapping[str, Any] | None = None,
    rows_per_group: int = 64,
) -> None:
    """Write one Parquet file, whole or not at all.

    Args:
        path: The final name; a `.part` beside it is renamed when complete.
        schema: One of this module's.
        rows: The rows, in the order of the file.
        metadata: JSON values for the file's metadata, by key.
        rows_per_group: Rows in a row group, which a reader has in memory at a time. Small for audio and mels.
    """
    with ShardWriter(path, schema, metadata) as writer:
        writer.write(rows, rows_per_group)


def shards(folder: Path) -> list[Path]:
    """List the shards of a table in order.

    Raises:
        TableError: If there are none.
    """
    found = sorted(folder.glob("part-*.parquet"))
    if not found:
        raise TableError(f"{folder} holds no part-*.parquet; run the stage that writes it (`dvc repro`)")
    return found


def read_metadata(path: Path) -> dict[str, Any]:
    """Read the JSON values in the metadata of a shard, or of a table's first shard if `path` is a folder."""
    shard = shards(path)[0] if path.is_dir() else path
    found = pq.read_schema(shard).metadata or {}
    return {key.decode(): json.loads(value) for key, value in found.items() if key != b"ARROW:schema"}


def mel_metadata(config: BaseModel) -> dict[str, Any]:
    """Describe a table's mels in the metadata of its shards; `mel_config` reads it."""
    return {"mel": config.model_dump(mode="json")}


def mel_config(path: Path, kind: type[Mel]) -> Mel:
    """Read the config of the mels that a table contains, or was made from.

    Args:
        path: The table's folder, or one Parquet file.
        kind: `MelConfig`, or `SpeakerMelConfig` for the speaker encoder's.

    Raises:
        TableError: If its metadata have no such config.
    """
    try:
        return kind.model_validate(read_metadata(path).get("mel"))
    except ValidationError:
        raise TableError(
            f"{path} does not say which mels it holds; run the stage that writes it (`dvc repro`)"
        ) from None


def shaped_mel(values: NDArray[np.float32], n_mels: int) -> NDArray[np.float32]:
    """Give the column `mel` of a row its shape. (M * T,) to (M, T), a view"""
    return values.reshape(n_mels, -1)


def iter_rows(path: Path, columns: Sequence[str] | None = None, batch_rows: int = 64) -> Iterator[dict[str, Any]]:
    """Read rows in order, a few at a time; list columns come as numpy arrays.

    Args:
        path: A table's folder, or one Parquet file.
        columns: Only these; all if None.
        batch_rows: Rows held in memory at a time.

    Raises:
        TableError: If a file is damaged, or lacks a column.
    """
    for shard in shards(path) if path.is_dir() else [path]:
        try:
            with pq.ParquetFile(shard) as file:
                missing = set(columns or ()) - set(file.schema_arrow.names)
                if missing:
                    raise TableError(f"{shard} has no column {', '.join(sorted(missing))}; it has another schema")
                # Not iter_batches: it holds every row group that it has passed until the file's end.
                for group in range(file.num_row_groups):
                    for batch in file.read_row_group(group, columns=columns).to_batches(max_chunksize=batch_rows):
                        yield from _batch_rows(batch)
        except (OSError, pa.ArrowInvalid) as error:
            raise TableError(f"{shard} can't be read: {error}; restore it with `dvc checkout` or `dvc repro`") from None


def rows_with_text(corpus: Path, table: Path, split: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield the rows of a split whose utterances have a text; a corpus without texts is for the encoder alone.

    Args:
        corpus: Folder of the corpus, which has the texts.
        table: A table of the same utterances in the same order, or the corpus itself.
        split: Which utterances.
        columns: Which columns of the table, besides utterance_id and split.

    Raises:
        TableError: If the two are not of the same utterances in the same order.
    """
    texts = iter_rows(corpus, ["utterance_id", "normalized_text"])
    n_without = 0
    for text, row in itertools.zip_longest(texts, iter_rows(table, ["utterance_id", "split", *columns])):
        if text is None or row is None or text["utterance_id"] != row["utterance_id"]:
            raise TableError(f"{corpus} and {table} are not of the same recordings; run `dvc repro`")
        if row["split"] != split:
            continue
        if text["normalized_text"] == "":
            n_without += 1
        else:
            yield row
    if n_without:
        logger.info(
            "table=%s split=%s skipped=%d: utterances without text are for the encoder", table, split, n_without
        )


def _batch_rows(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    names = batch.schema.names
    is_list = [pa.types.is_list(column.type) for column in batch.columns]
    for index in range(batch.num_rows):
        yield {
            name: column[index].values.to_numpy(zero_copy_only=False) if listed else column[index].as_py()
            for name, column, listed in zip(names, batch.columns, is_list, strict=True)
        }

"""Makes `data/mels/speaker` and `data/mels/acoustic` from `data/corpus`, in one pass, shard by shard."""

import itertools
import logging
import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from peewee_model.audio.clip import decode_flac, resample
from peewee_model.audio.mel import Float32Array, MelConfig, SpeakerMelConfig, log_mel
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.errors import AudioError
from pipeline import engine, tables
from pipeline.params.params import Section, read

logger = logging.getLogger(__name__)

_ROWS_PER_GROUP = 64
_COLUMNS = ["utterance_id", "speaker_id", "split", "audio"]


class MelsConfig(Section):
    """The mels that are made of each utterance; each is a table in a folder of this name."""

    speaker: SpeakerMelConfig
    """The mels of the speaker encoder."""
    acoustic: MelConfig
    """The mels of the synthesizer and the vocoder."""


class Params(Section):
    """The sections of params.yaml that the stage reads."""

    mel: MelsConfig


def extract_mels() -> None:
    """Run the stage."""
    config = read(Params).mel
    mels = {"speaker": config.speaker, "acoustic": config.acoustic}
    extract_corpus(tables.shards(Path("data/corpus")), mels, Path("data/mels"), engine.workers())


def extract_corpus(shards: Sequence[Path], mels: Mapping[str, MelConfig], folder: Path, workers: int) -> None:
    """Make each mel's table anew from a corpus; a shard keeps its name, its rows keep their order.

    Args:
        shards: Of the corpus.
        mels: By the name of the table.
        folder: The parent of the tables' folders, whose old contents are removed.
        workers: Processes; each holds one row group.

    Raises:
        TableError: If the corpus is damaged.
        AudioError: If an utterance can't be decoded; it is named.
    """
    for name in mels:
        shutil.rmtree(folder / name, ignore_errors=True)
    n_rows = sum(pq.read_metadata(shard).num_rows for shard in shards)
    done = engine.map_shards(partial(extract_shard, mels=mels, folder=folder), shards, workers)
    with tqdm(total=n_rows, unit="utterance", desc="extract_mels", disable=None) as bar:
        for shard, n_utterances in zip(shards, done, strict=True):
            bar.update(n_utterances)
            if bar.disable:
                logger.info("shard=%s utterances=%d", shard.name, n_utterances)


def extract_shard(shard: Path, mels: Mapping[str, MelConfig], folder: Path) -> int:
    """Make each mel's shard of one of the corpus, a row group at a time; return the number of utterances."""
    rows = tables.iter_rows(shard, _COLUMNS, _ROWS_PER_GROUP)
    n_utterances = 0
    with ExitStack() as opened:
        writers = {
            name: opened.enter_context(
                tables.ShardWriter(folder / name / shard.name, tables.MELS, tables.mel_metadata(config))
            )
            for name, config in mels.items()
        }
        while group := list(itertools.islice(rows, _ROWS_PER_GROUP)):
            spectra = [_spectra(row, mels) for row in group]
            for name, writer in writers.items():
                writer.write(_table(group, [mel[name] for mel in spectra]), _ROWS_PER_GROUP)
            n_utterances += len(group)
    return n_utterances


def _spectra(row: Mapping[str, Any], mels: Mapping[str, MelConfig]) -> dict[str, Float32Array]:
    """Decode an utterance once, and resample it once for each rate."""
    try:
        clip = decode_flac(row["audio"])
        rates = {config.sample_rate for config in mels.values()}
        samples = {rate: resample(clip.samples, clip.sample_rate, rate) for rate in rates}
        return {name: _mel(samples[config.sample_rate], config) for name, config in mels.items()}
    except AudioError as error:
        raise AudioError(error.reason, f"utterance {row['utterance_id']}: {error}") from None


def _mel(samples: Float32Array, config: MelConfig) -> Float32Array:
    return speaker_mel(samples, config) if isinstance(config, SpeakerMelConfig) else log_mel(samples, config)


def _table(rows: Sequence[Mapping[str, Any]], spectra: Sequence[Float32Array]) -> pa.Table:
    offsets = np.cumsum([0, *(mel.size for mel in spectra)], dtype=np.int32)
    columns = [pa.array([row[name] for row in rows], pa.string()) for name in ("utterance_id", "speaker_id", "split")]
    columns.append(pa.array([mel.shape[1] for mel in spectra], pa.int32()))
    values = np.concatenate([mel.ravel() for mel in spectra])
    columns.append(pa.ListArray.from_arrays(offsets, values, type=tables.MELS.field("mel").type))
    return pa.table(columns, schema=tables.MELS)

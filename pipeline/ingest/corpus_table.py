"""Converts archives to `data/corpus`, `data/utterances.parquet` and `data/rejected.parquet`.

First, every archive is streamed once. Workers check and encode each part by itself, and it is written to a spool in
scratch. Then the spool is read utterance by utterance, sorted: checks that need several parts are made, speakers are
split, and shards are written. So neither the order of members or archives nor the number of workers changes a byte.
Memory holds a shard, and the parts that workers process. Excluded speakers and utterances are removed before all of
this: they are not decoded, not spooled, and in no split.

A corpus's shards depend on that corpus alone: one that is added or removed leaves the bytes of the others as they were.

Ids are unique over all corpora: `<corpus, or its source's ids>_<id in the corpus>`, for utterances and speakers.
"""

import hashlib
import itertools
import json
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from peewee_model.errors import PeeweeError
from pipeline import engine, tables
from pipeline.corpora.exclusions import Exclusions
from pipeline.corpora.sources import Source, pieces_of
from pipeline.ingest.archive import read_members
from pipeline.ingest.joining import join
from pipeline.ingest.people import split_corpus
from pipeline.ingest.prepare import Batch, IngestConfig, prepare
from pipeline.ingest.readers.reader import Layout, Part, Refused
from pipeline.ingest.readers.registry import check_layouts, layout_of, people_prefix
from pipeline.ingest.sieve import Sieve
from pipeline.ingest.splits import Splits
from pipeline.ingest.spool import Spool, SpooledUtterance
from pipeline.ingest.summary import summarize

logger = logging.getLogger(__name__)

_BATCH_PARTS = 64
_BATCH_BYTES = 4 << 20
_ROWS_PER_GROUP = 64
_REJECTED_PER_GROUP = 4096
_UTTERANCES_PER_GROUP = 8192  # a speaker is in one group or two, and a group is 1 or 2 MB to fetch
UNCOUNTED = {"excluded", "failed_restoration"}
"""Reasons of utterances that are left out on purpose; they do not count as refused."""


class IngestError(PeeweeError):
    """Too many utterances of a corpus can't be used."""


def ingest_corpus(
    sources: Sequence[Source],
    config: IngestConfig,
    exclusions: Exclusions,
    *,
    archives: Path,
    corpus: Path,
    utterances: Path,
    rejected: Path,
    summary: Path,
    scratch: Path,
    workers: int,
) -> None:
    """Write the corpus's shards, its summary and the table of refused files.

    Args:
        sources: Which archives, and of which corpora they are.
        config: Limits and splits.
        exclusions: Speakers and utterances that are left out; an id that no archive has is only logged.
        archives: Folder of the archives.
        corpus: Folder of the shards; it is made anew.
        utterances: Parquet file of `tables.UTTERANCES`.
        rejected: Parquet file of `tables.REJECTED`; it is written too when the run stops for too many of them.
        summary: JSON file of utterances, speakers and hours by corpus, subset and split, and of refusals by reason.
        scratch: Folder for a file of about the corpus's size.
        workers: Processes that decode and encode.

    Raises:
        ArchiveError: If an archive is damaged or unsafe. Nothing is written then.
        IngestError: If more than `max_rejected_fraction` of the utterances can't be used.
        ConfigError: If a layout is not known, or no speaker is left to train on.
    """
    shutil.rmtree(corpus, ignore_errors=True)
    for path in (utterances, rejected, summary):
        path.unlink(missing_ok=True)
    spool = Spool(scratch / "ingest.sqlite")
    try:
        check_layouts(sources)
        _spool_archives(spool, sources, config, exclusions, archives, workers)
        n_refused, n_utterances = _judge(spool, config, _layouts(spool, sources))
        _write_rows(rejected, tables.REJECTED, spool.rejected(), _REJECTED_PER_GROUP)
        logger.info("utterances=%d refused=%d", n_utterances, n_refused)
        if n_refused == n_utterances or n_refused > config.max_rejected_fraction * n_utterances:
            raise _too_many(spool, n_refused, n_utterances, config, rejected)
        splits = split_corpus(spool, sources, config.split)
        _write_shards(spool, splits, config, corpus)
        rows = (_row(utterance, splits, tables.UTTERANCES) for utterance in spool.utterances_by_speaker())
        _write_rows(utterances, tables.UTTERANCES, rows, _UTTERANCES_PER_GROUP)
        document = json.dumps(summarize(spool, splits), indent=2, sort_keys=True)
        summary.write_text(document + "\n", encoding="utf-8")
    finally:
        spool.close()


def _spool_archives(
    spool: Spool,
    sources: Sequence[Source],
    config: IngestConfig,
    exclusions: Exclusions,
    archives: Path,
    workers: int,
) -> None:
    paths = [archives / source.archive_name for source in sources]
    for path in paths:
        if not path.is_file():
            raise IngestError(f"{path} is missing; run the stage that fetches it (`dvc repro download`)")
    n_bytes = sum(path.stat().st_size for path in paths)
    sieve = Sieve(exclusions)
    with tqdm(total=n_bytes, unit="B", unit_scale=True, desc="ingest", disable=None) as bar:
        batches = _batches(sources, archives, sieve, bar)
        for prepared in engine.map_shards(partial(prepare, config=config), batches, workers):
            for part, flac in prepared:
                spool.add_part(part, flac)
    sieve.tell()


def _batches(sources: Sequence[Source], archives: Path, sieve: Sieve, bar: "tqdm[Any]") -> Iterator[Batch]:
    for source, *further in pieces_of(sources).values():
        read = layout_of(source).read
        pieces = [(archives / piece.archive_name, piece.sha256) for piece in further]
        batch: list[Part | Refused] = []
        n_parts = n_bytes = 0
        for member in read_members(archives / source.archive_name, source.sha256, bar.update, further=pieces):
            for part in map(partial(_of_subset, source=source), read(member)):
                part = sieve.sift(part, source.id_prefix, people_prefix(source))
                batch.append(part)
                n_parts, n_bytes = n_parts + 1, n_bytes + (len(part.data) if isinstance(part, Part) else 0)
                if len(batch) == _BATCH_PARTS or n_bytes >= _BATCH_BYTES:
                    yield Batch(source.archive_name, source.corpus, source.id_prefix, tuple(batch))
                    batch, n_bytes = [], 0
        if batch:
            yield Batch(source.archive_name, source.corpus, source.id_prefix, tuple(batch))
        logger.info("archive=%s parts=%d", source.archive_name, n_parts)


def _of_subset(part: Part | Refused, source: Source) -> Part | Refused:
    """Fill in the subset where the corpus's names do not say it, and refuse an archive of another one."""
    if isinstance(part, Part) and not part.subset:
        return replace(part, subset=source.subset)
    if part.subset not in ("", source.subset):
        raise IngestError(
            f"{source.archive_name} holds {part.member}, but params.yaml names the subset {source.subset}; "
            "name the archive's own under corpus.sources, which splits and the release's lineage go by"
        )
    if part.utterance_id and not part.subset:
        return replace(part, subset=source.subset)
    return part


def _layouts(spool: Spool, sources: Sequence[Source]) -> dict[str, Layout]:
    """Return each archive's layout, with `texts` as it turned out: an archive has texts, or has none."""
    layouts = {source.archive_name: layout_of(source) for source in sources}
    with_texts = spool.archives_with_texts()
    for name, layout in layouts.items():
        if layout.texts == "perhaps":
            layouts[name] = replace(layout, texts="all" if name in with_texts else "none")
        if layouts[name].texts == "none":
            logger.info("archive=%s has no texts: only the encoder learns from it", name)
    return layouts


def _judge(spool: Spool, config: IngestConfig, layouts: Mapping[str, Layout]) -> tuple[int, int]:
    """Accept or refuse each utterance; return how many were refused, of how many.

    A refused file that is no part of an utterance counts as an utterance. Files that are skipped by name, or excluded,
    do not count.
    """
    n_refused = n_utterances = 0
    for places in spool.groups():
        is_accepted = False
        lists = [part for place in places for part in place if part.everywhere]
        for place in filter(None, ([part for part in place if not part.everywhere] for place in places)):
            utterance, refused = join(place, config, layouts[place[0].archive])
            if lists:
                utterance, refused = None, [(place[0], lists[0].reason, f"{lists[0].member}, {lists[0].detail}")]
            elif utterance and is_accepted:
                utterance, refused = None, [(place[0], "duplicate", "the same utterance is read from another place")]
            elif utterance:
                is_accepted = True
                spool.add_utterance(utterance)
            reasons = {reason for _, reason, _ in refused}
            counts = utterance is not None or not (reasons & UNCOUNTED or reasons <= {"skipped"})
            n_utterances += counts
            n_refused += utterance is None and counts
            for part, reason, detail in refused:
                spool.add_rejected(part, reason, detail)
    return n_refused, n_utterances


def _write_rows(path: Path, schema: pa.Schema, rows: Iterator[dict[str, Any]], rows_per_group: int) -> None:
    with tables.ShardWriter(path, schema) as writer:
        while group := list(itertools.islice(rows, rows_per_group)):
            writer.write(group, rows_per_group)


def _too_many(spool: Spool, n_refused: int, n_utterances: int, config: IngestConfig, rejected: Path) -> IngestError:
    counts: Counter[str] = Counter()
    examples: dict[str, str] = {}
    for row in spool.rejected():
        counts[row["reason"]] += 1
        examples.setdefault(row["reason"], f"{row['member']} of {row['archive']}: {row['detail']}")
    uncounted = UNCOUNTED | {"skipped"} if n_utterances else set()
    reasons = "; ".join(
        f"{count} {reason}, such as {examples[reason]}"
        for reason, count in counts.most_common()
        if reason not in uncounted
    )
    fraction = n_refused / max(1, n_utterances)
    return IngestError(
        f"{n_refused} of {n_utterances} utterances ({fraction:.1%}) can't be used, params.yaml allows "
        f"ingest.max_rejected_fraction {config.max_rejected_fraction:.1%}; look at {rejected}, then repair the corpus, "
        f"the limits under ingest, or the fraction. Refused: {reasons}"
    )


def _write_shards(spool: Spool, splits: Splits, config: IngestConfig, corpus: Path) -> None:
    n_bytes: Counter[str] = Counter()
    for utterance in spool.utterances():
        n_bytes[utterance.corpus] += utterance.n_bytes
    shards: dict[str, range] = {}
    n_shards = 0
    for name in sorted(n_bytes):
        shards[name] = range(n_shards, n_shards + -(-n_bytes[name] // (config.shard_mib << 20)))
        n_shards = shards[name].stop
    # By hash: one more utterance changes one shard, and shards have about the same size.
    spool.assign_shards(partial(_shard_of, shards=shards))
    for shard in tqdm(range(n_shards), desc="ingest: shards", disable=None):
        rows = (
            _row(utterance, splits, tables.CORPUS, audio=spool.audio(utterance.audio_row))
            for utterance in spool.utterances(shard)
        )
        _write_rows(corpus / f"part-{shard:05d}.parquet", tables.CORPUS, rows, _ROWS_PER_GROUP)


def _shard_of(utterance_id: str, corpus: str, shards: Mapping[str, range]) -> int:
    share = int.from_bytes(hashlib.sha256(utterance_id.encode()).digest()[:8], "big") * len(shards[corpus]) >> 64
    return shards[corpus][share]


def _row(utterance: SpooledUtterance, splits: Splits, schema: pa.Schema, **more: bytes) -> dict[str, Any]:
    added = {"split": splits.of(utterance.speaker_id, utterance.utterance_id), **more}
    return {name: added[name] if name in added else getattr(utterance, name) for name in schema.names}

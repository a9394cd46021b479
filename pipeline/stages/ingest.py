"""Converts archives to `data/corpus` (a row an utterance) and `data/rejected.parquet` (a row a refused file).

`data/utterances.parquet` is the corpus without its audio. It shows which data a model was made from.
"""

from pathlib import Path

from pipeline import engine
from pipeline.corpora.exclusions import read_exclusions
from pipeline.corpora.sources import CorpusConfig
from pipeline.ingest.corpus_table import ingest_corpus
from pipeline.ingest.prepare import IngestConfig
from pipeline.params.params import Section, read


class Params(Section):
    """The sections of params.yaml that the stage reads."""

    corpus: CorpusConfig
    ingest: IngestConfig


def ingest() -> None:
    """Run the stage."""
    params = read(Params)
    ingest_corpus(
        params.corpus.sources,
        params.ingest,
        read_exclusions(),
        archives=Path("data/archives"),
        corpus=Path("data/corpus"),
        utterances=Path("data/utterances.parquet"),
        rejected=Path("data/rejected.parquet"),
        summary=Path("data/summary.json"),
        scratch=Path(".scratch/ingest"),
        workers=engine.workers(),
    )

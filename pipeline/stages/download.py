"""Fetch the archives that are missing or fail their hash."""

from pathlib import Path

from pipeline.corpora.sources import CorpusConfig
from pipeline.download.fetch import fetch_all
from pipeline.params.params import Section, read

ARCHIVES = Path("data/archives")
SCRATCH = Path(".scratch/download")


class Params(Section):
    """What the stage reads."""

    corpus: CorpusConfig
    """The archives and where they come from."""


def download() -> None:
    """Make `data/archives/` hold exactly the archives that params.yaml names.

    Raises:
        DownloadError: If one can't be had.
    """
    fetch_all(read(Params).corpus.sources, ARCHIVES, SCRATCH)

"""Fetch the archives that are missing or have a wrong hash."""

from pathlib import Path

from pipeline.corpora.sources import CorpusConfig
from pipeline.download.fetch import fetch_all
from pipeline.params.params import Section, read

ARCHIVES = Path("data/archives")
SCRATCH = Path(".scratch/download")


class Params(Section):
    """The sections of params.yaml that the stage reads."""

    corpus: CorpusConfig
    """The archives and their sources."""


def download() -> None:
    """Make `data/archives/` hold exactly the archives that params.yaml names.

    Raises:
        DownloadError: If an archive can't be downloaded.
    """
    fetch_all(read(Params).corpus.sources, ARCHIVES, SCRATCH)

"""Public facts about corpora and licences that params.yaml does not have; for the documents of a release."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peewee_model.release.manifest import CorpusEntry
from pipeline.ingest.readers.reader import Corpus
from pipeline.ingest.readers.registry import CORPORA


@dataclass(frozen=True)
class Licence:
    """A licence that has an address."""

    identifier: str
    """SPDX's, in lower case."""
    url: str


_LICENCES = (
    (re.compile(r"CC[ -]BY[ -]4\.0\b"), Licence("cc-by-4.0", "https://creativecommons.org/licenses/by/4.0/")),
    (re.compile(r"CC0[ -]1\.0\b"), Licence("cc0-1.0", "https://creativecommons.org/publicdomain/zero/1.0/")),
)


def known_licence(words: str) -> Licence | None:
    """Recognise a licence that params.yaml names in words, such as `CC BY 4.0` or `CC0-1.0; synthetic speech`."""
    return next((licence for pattern, licence in _LICENCES if pattern.match(words)), None)


def is_synthetic(corpus: CorpusEntry) -> bool:
    """Return whether a corpus was spoken by a machine. Only this project's own corpus was."""
    return corpus.url.startswith("mini:")


def published(corpora: Sequence[CorpusEntry]) -> list[Corpus]:
    """Return the known corpora, each once, by name."""
    return [CORPORA[name] for name in sorted({corpus.corpus for corpus in corpora}) if name in CORPORA]

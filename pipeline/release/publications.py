"""Public facts about corpora and licences that params.yaml does not have; for the documents of a release."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from peewee_model.release.manifest import CorpusEntry


@dataclass(frozen=True)
class Publication:
    """The publication of a corpus."""

    page: str
    citation: str
    """BibTeX."""


@dataclass(frozen=True)
class Licence:
    """A licence that has an address."""

    identifier: str
    """SPDX's, in lower case."""
    url: str


PUBLICATIONS = {
    "libritts": Publication(
        "https://www.openslr.org/60/",
        "@inproceedings{zen2019libritts, title={LibriTTS: A Corpus Derived from LibriSpeech for Text-to-Speech}, "
        "author={Heiga Zen and Viet Dang and Rob Clark and Yu Zhang and Ron J. Weiss and Ye Jia and Zhifeng Chen and "
        "Yonghui Wu}, booktitle={Interspeech}, year={2019}, doi={10.21437/Interspeech.2019-2441}}",
    ),
    "mini": Publication(
        "https://github.com/espeak-ng/espeak-ng",
        "@misc{espeakng, title={eSpeak NG, the text-to-speech synthesizer that spoke this corpus}, "
        "howpublished={https://github.com/espeak-ng/espeak-ng}}",
    ),
}
"""Publications by the corpus's name in params.yaml."""

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


def published(corpora: Sequence[CorpusEntry]) -> list[Publication]:
    """Return the publications of the known corpora, each once."""
    return [PUBLICATIONS[name] for name in sorted({corpus.corpus for corpus in corpora}) if name in PUBLICATIONS]

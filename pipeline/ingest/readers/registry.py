"""The corpora and layouts that are known here, by name. A new corpus is a file of this folder and a line here."""

from collections.abc import Iterable

from peewee_model.errors import ConfigError
from pipeline.corpora.sources import Source
from pipeline.ingest.readers.common_voice import COMMON_VOICE
from pipeline.ingest.readers.folder import FOLDER
from pipeline.ingest.readers.hifi_tts import HIFI_TTS
from pipeline.ingest.readers.librispeech import LIBRISPEECH
from pipeline.ingest.readers.libritts import LIBRITTS
from pipeline.ingest.readers.libritts_r import LIBRITTS_R
from pipeline.ingest.readers.ljspeech import LJSPEECH
from pipeline.ingest.readers.mini import MINI
from pipeline.ingest.readers.reader import Corpus, Layout
from pipeline.ingest.readers.ryanspeech import RYANSPEECH
from pipeline.ingest.readers.vctk import VCTK
from pipeline.ingest.readers.voxceleb import VOXCELEB1, VOXCELEB2

CORPORA: dict[str, Corpus] = {
    corpus.name: corpus
    for corpus in (
        LIBRITTS,
        LIBRITTS_R,
        LIBRISPEECH,
        LJSPEECH,
        VCTK,
        RYANSPEECH,
        HIFI_TTS,
        COMMON_VOICE,
        VOXCELEB1,
        VOXCELEB2,
        MINI,
    )
}
"""Corpora by the name that a source has in params.yaml."""

LAYOUTS: dict[str, Layout] = {
    "folder": FOLDER,
    **{name: corpus.layout for name, corpus in CORPORA.items()},
    **{name: layout for corpus in CORPORA.values() for name, layout in corpus.further_layouts.items()},
}
"""Layouts by the name that a source has in params.yaml; a corpus's own has the corpus's name."""


def layout_named(name: str) -> Layout:
    """Return a layout.

    Raises:
        ConfigError: If there is none of that name; the message lists all.
    """
    if name not in LAYOUTS:
        raise ConfigError(
            f"{name[:100]} is no corpus and no layout that is known here; there are {', '.join(sorted(LAYOUTS))}: "
            "write one of them as the source's layout"
        )
    return LAYOUTS[name]


def layout_of(source: Source) -> Layout:
    """Return the layout of a source's archive.

    Raises:
        ConfigError: If neither its layout nor its corpus is known.
    """
    try:
        return layout_named(source.layout or source.corpus)
    except ConfigError as error:
        raise ConfigError(f"corpus.sources: {source.corpus} {source.subset}: {error}") from None


def check_layouts(sources: Iterable[Source]) -> None:
    """Check that each source's layout is known, and that an archive's pieces have one layout.

    Raises:
        ConfigError: If not.
    """
    layouts: dict[tuple[str, str], Layout] = {}
    for source in sources:
        layout = layout_of(source)
        if layouts.setdefault((source.corpus, source.subset), layout) is not layout:
            raise ConfigError(f"corpus.sources: the pieces of {source.corpus} {source.subset} have several layouts")


def people_prefix(source: Source) -> str:
    """Return the prefix of ids that names the people of a source: corpora with the same people have the same."""
    corpus = CORPORA.get(source.corpus)
    return source.ids or (corpus.people if corpus and corpus.people else source.corpus)

"""Splits the corpus by person: a reader who is in several corpora is one person, in one split.

LibriTTS, LibriTTS-R, LibriSpeech and Hi-Fi TTS have LibriVox's numbers for the same readers. Their ids differ by the
corpus's name, so that each utterance has an id of its own; their splits do not.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence

from peewee_model.errors import ConfigError
from pipeline.corpora.sources import Source
from pipeline.ingest.readers.registry import people_prefix
from pipeline.ingest.splits import HELD_OUT_FIRST, Split, SplitConfig, Splits, assign_splits, hold_out_within
from pipeline.ingest.spool import Spool, SpooledUtterance

logger = logging.getLogger(__name__)


def split_corpus(spool: Spool, sources: Sequence[Source], config: SplitConfig) -> Splits:
    """Give every utterance that was accepted a split.

    Raises:
        ConfigError: If no speaker is left to train on.
    """
    source_of = {(source.corpus, source.subset): source for source in sources}
    subsets: dict[str, set[str]] = defaultdict(set)  # by person
    corpora: dict[str, set[str]] = defaultdict(set)  # by speaker
    person_of: dict[str, str] = {}
    families: dict[str, str] = {}
    for utterance in spool.utterances():
        family, person = _person(utterance, source_of[utterance.corpus, utterance.subset])
        person_of[utterance.speaker_id], families[person] = person, family
        subsets[person].add(utterance.subset)
        corpora[utterance.speaker_id].add(utterance.corpus)
    within = hold_out_within(corpora, ((found.speaker_id, found.utterance_id) for found in spool.utterances()), config)
    in_all_splits = {person_of[speaker] for speaker in within}
    drawn = {person: found for person, found in subsets.items() if person not in in_all_splits}
    of_person = assign_splits(drawn, config.model_copy(update={"by_speaker": _by_person(config, person_of)}), families)
    by_speaker: dict[str, Split] = {}
    for speaker in person_of.keys() - within.keys():
        by_speaker[speaker] = of_person.get(person_of[speaker], "train")
    if also := sorted(speaker for speaker in by_speaker if person_of[speaker] in in_all_splits):
        logger.warning("ingest.split.within names people who are also %s; those are trained on", ", ".join(also))
    if not within and "train" not in by_speaker.values():
        raise ConfigError("no speaker is left to train on; name fewer subsets in params.yaml ingest.split.by_subset")
    return Splits(by_speaker, within)


def _person(utterance: SpooledUtterance, source: Source) -> tuple[str, str]:
    """Return the family of corpora that a speaker is of, and the id that the speaker has in all of them."""
    family = people_prefix(source)
    return family, family + utterance.speaker_id.removeprefix(source.id_prefix)


def _by_person(config: SplitConfig, person_of: Mapping[str, str]) -> dict[str, Split]:
    """Translate `by_speaker`; of a person who is named twice, the most held-out split counts."""
    found: dict[str, Split] = {}
    for speaker, split in config.by_speaker.items():
        person = person_of.get(speaker, speaker)
        found[person] = min(split, found.get(person, split), key=HELD_OUT_FIRST.index)
    return found

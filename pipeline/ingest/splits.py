"""Splits the corpus: by speaker, so that a voice is in one split only, or by utterance.

A speaker is split by utterance if the models are to learn this one voice: in a corpus of one speaker, or to adapt a
release to one. Such a speaker is in all splits, and can't test a speaker encoder.
"""

import hashlib
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from peewee_model.errors import ConfigError
from pipeline.params.params import Section

logger = logging.getLogger(__name__)

Split = Literal["train", "validation", "test"]
HELD_OUT_FIRST: tuple[Split, ...] = ("test", "validation", "train")


class HeldOutUtterances(Section):
    """How many of a speaker's utterances are held out: the last by id, the test's after the validation's."""

    validation: int = Field(ge=0)
    test: int = Field(ge=0)


class SplitConfig(Section):
    """The speakers and utterances that are held out."""

    by_subset: dict[str, Split]
    """Split of all speakers of a subset, by the subset's name; speakers of other subsets are drawn."""
    by_speaker: dict[str, Split]
    """Split of single speakers, by speaker_id, whatever their subset: to hold out the same people again."""
    within: dict[str, HeldOutUtterances]
    """Speakers who are in every split, by speaker_id, or by corpus for all of it; the others are split by speaker."""
    validation_fraction: float = Field(ge=0, lt=1)
    """Share of the drawn speakers, rounded up, that are used to choose checkpoints."""
    test_fraction: float = Field(ge=0, lt=1)
    """Share of the drawn speakers, rounded up, that only `evaluate` uses."""
    seed: int
    """Seed of the draw of speakers."""


@dataclass(frozen=True)
class Splits:
    """The split of every utterance."""

    by_speaker: Mapping[str, Split]
    """Splits of speakers who are in one split."""
    within: Mapping[str, Mapping[str, Split]]
    """Splits of the other speakers: by speaker_id, then by utterance_id; utterances that are not here are trained
    on."""

    def of(self, speaker_id: str, utterance_id: str) -> Split:
        """Return an utterance's split."""
        held_out = self.within.get(speaker_id)
        return self.by_speaker[speaker_id] if held_out is None else held_out.get(utterance_id, "train")


def hold_out_within(
    corpora: Mapping[str, Set[str]], utterances: Iterable[tuple[str, str]], config: SplitConfig
) -> dict[str, dict[str, Split]]:
    """Hold out the last utterances of each speaker that `within` names, or whose corpus it names.

    Args:
        corpora: The corpora of each speaker, by speaker_id.
        utterances: speaker_id and utterance_id of all.
        config: How.

    Returns:
        The held-out utterances of these speakers.

    Raises:
        ConfigError: If a speaker would have nothing left to train on.
    """
    wanted = {
        speaker: next(config.within[name] for name in (speaker, *sorted(found)) if name in config.within)
        for speaker, found in corpora.items()
        if config.within.keys() & {speaker, *found}
    }
    unknown = config.within.keys() - corpora.keys() - {name for found in corpora.values() for name in found}
    if unknown:
        logger.warning("ingest.split.within names no speaker and no corpus: %s", ", ".join(sorted(unknown)))
    spoken: dict[str, list[str]] = defaultdict(list)
    for speaker, utterance in utterances:
        if speaker in wanted:
            spoken[speaker].append(utterance)
    held_out: dict[str, dict[str, Split]] = {}
    for speaker, counts in wanted.items():
        ids = sorted(spoken[speaker])
        n_train = len(ids) - counts.validation - counts.test
        if n_train < 1:
            raise ConfigError(
                f"{speaker} has {len(ids)} utterances, ingest.split.within holds out {counts.validation} + "
                f"{counts.test}: nothing is left to train on; hold out fewer, or give more speech"
            )
        splits: dict[str, Split] = dict.fromkeys(ids[n_train:], "validation")
        held_out[speaker] = splits | dict.fromkeys(ids[n_train + counts.validation :], "test")
    return held_out


def assign_splits(
    subsets: Mapping[str, Set[str]], config: SplitConfig, families: Mapping[str, str] | None = None
) -> dict[str, Split]:
    """Give every speaker a split.

    Speakers are drawn in each family by itself, so that corpora that are added leave the splits of the others as they
    were.

    Speakers are ranked by a hash of the seed and their id; the first are validation, the last test, the rest train.
    So the counts are exact, and a speaker who is added or removed moves at most one other speaker over each border. At
    least one speaker is left to train. A speaker of several subsets in `by_subset` is in the most held-out split; one
    whom `by_speaker` names is in that split.

    Args:
        subsets: The subsets of each speaker, by speaker_id.
        config: How.
        families: The family of each speaker, by speaker_id; None if all are of one.
    """
    there = {subset for found in subsets.values() for subset in found}
    for key, absent in (
        ("by_subset", config.by_subset.keys() - there),
        ("by_speaker", config.by_speaker.keys() - subsets.keys()),
    ):
        if absent:
            what = key.removeprefix("by_")
            logger.warning("ingest.split.%s: no utterance is of %s %s", key, what, ", ".join(sorted(absent)))
    splits: dict[str, Split] = {}
    drawn = []
    for speaker_id, found in subsets.items():
        named = {config.by_subset[subset] for subset in found if subset in config.by_subset}
        if speaker_id in config.by_speaker:
            splits[speaker_id] = config.by_speaker[speaker_id]
        elif named:
            splits[speaker_id] = next(split for split in HELD_OUT_FIRST if split in named)
        else:
            drawn.append(speaker_id)
    for family in sorted({(families or {}).get(speaker_id, "") for speaker_id in drawn}):
        splits |= _draw([name for name in drawn if (families or {}).get(name, "") == family], config)
    return splits


def _draw(speakers: list[str], config: SplitConfig) -> dict[str, Split]:
    drawn = sorted(speakers, key=lambda name: hashlib.sha256(f"{config.seed}:{name}".encode()).digest())
    n_spare = max(0, len(drawn) - 1)
    n_validation = min(_count(config.validation_fraction, len(drawn)), n_spare)
    n_test = min(_count(config.test_fraction, len(drawn)), n_spare - n_validation)
    splits: dict[str, Split] = dict.fromkeys(drawn, "train")
    splits |= dict.fromkeys(drawn[:n_validation], "validation")
    splits |= dict.fromkeys(drawn[len(drawn) - n_test :], "test")
    return splits


def _count(fraction: float, n_speakers: int) -> int:
    return math.ceil(round(fraction * n_speakers, 9))  # 0.07 * 100 is 7.000000000000001

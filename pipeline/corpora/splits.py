"""Who is trained on and who is held out: by speaker, so that a voice is in one split only."""

import hashlib
import logging
import math
from collections.abc import Mapping, Set
from typing import Literal

from pydantic import Field

from pipeline.params import Section

logger = logging.getLogger(__name__)

Split = Literal["train", "validation", "test"]
_BY_HELD_OUT: tuple[Split, ...] = ("test", "validation", "train")


class SplitConfig(Section):
    """Which speakers are held out."""

    by_subset: dict[str, Split]
    """Split of all speakers of a subset, by the subset's name; speakers of other subsets are drawn."""
    validation_fraction: float = Field(ge=0, lt=1)
    """Part of the drawn speakers, rounded up, that choose checkpoints."""
    test_fraction: float = Field(ge=0, lt=1)
    """Part of the drawn speakers, rounded up, that only `evaluate` hears."""
    seed: int
    """Changes who is drawn."""


def assign_splits(subsets: Mapping[str, Set[str]], config: SplitConfig) -> dict[str, Split]:
    """Give every speaker a split.

    Speakers are ranked by a hash of the seed and their id; the first are validation, the last test, the rest train.
    So the counts are exact, and a speaker who comes or goes moves at most one other over each border. One speaker at
    least is left to train. A speaker of several subsets that `by_subset` names is in the most held-out of theirs.

    Args:
        subsets: The subsets in which a speaker is heard, by speaker_id.
        config: How.
    """
    unknown = config.by_subset.keys() - {subset for heard in subsets.values() for subset in heard}
    if unknown:
        logger.warning("ingest.split.by_subset names subsets that no utterance is of: %s", ", ".join(sorted(unknown)))
    splits: dict[str, Split] = {}
    drawn = []
    for speaker_id, heard in subsets.items():
        named = {config.by_subset[subset] for subset in heard if subset in config.by_subset}
        if named:
            splits[speaker_id] = next(split for split in _BY_HELD_OUT if split in named)
        else:
            drawn.append(speaker_id)
    drawn.sort(key=lambda speaker_id: hashlib.sha256(f"{config.seed}:{speaker_id}".encode()).digest())
    n_spare = max(0, len(drawn) - 1)
    n_validation = min(_count(config.validation_fraction, len(drawn)), n_spare)
    n_test = min(_count(config.test_fraction, len(drawn)), n_spare - n_validation)
    splits |= dict.fromkeys(drawn, "train")
    splits |= dict.fromkeys(drawn[:n_validation], "validation")
    splits |= dict.fromkeys(drawn[len(drawn) - n_test :], "test")
    return splits


def _count(fraction: float, n_speakers: int) -> int:
    return math.ceil(round(fraction * n_speakers, 9))  # 0.07 * 100 is 7.000000000000001

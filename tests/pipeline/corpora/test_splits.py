import logging
from collections import Counter

import pytest

from pipeline.corpora.splits import SplitConfig, assign_splits


def config(
    validation: float = 0.1, test: float = 0.1, seed: int = 1, by_subset: dict[str, str] | None = None
) -> SplitConfig:
    return SplitConfig.model_validate(
        {"by_subset": by_subset or {}, "validation_fraction": validation, "test_fraction": test, "seed": seed}
    )


def speakers(n_speakers: int, subset: str = "train") -> dict[str, set[str]]:
    return {f"x_{number}": {subset} for number in range(n_speakers)}


def test_counts_are_exact_and_rounded_up() -> None:
    counts = Counter(assign_splits(speakers(101), config(0.1, 0.05)).values())
    assert counts == {"validation": 11, "test": 6, "train": 84}


def test_fraction_that_floats_overshoot_is_not_rounded_up() -> None:
    assert Counter(assign_splits(speakers(100), config(0.07, 0.0)).values())["validation"] == 7


def test_order_of_speakers_changes_nothing_and_the_seed_does() -> None:
    forward, backward = speakers(50), dict(reversed(speakers(50).items()))
    assert assign_splits(forward, config()) == assign_splits(backward, config())
    assert assign_splits(forward, config()) != assign_splits(forward, config(seed=2))


def test_one_speaker_more_moves_at_most_one_over_each_border() -> None:
    for n_speakers in range(20, 60):
        before, after = assign_splits(speakers(n_speakers), config()), assign_splits(speakers(n_speakers + 1), config())
        assert sum(before[speaker] != after[speaker] for speaker in before) <= 2


def test_subset_names_the_split_and_the_most_held_out_wins() -> None:
    heard = {
        "a": {"dev"},
        "b": {"test", "dev"},
        "c": {"dev", "train"},
        "d": {"known", "dev"},
        "e": {"train"},
        "f": {"train"},
    }
    splits = assign_splits(heard, config(0.5, 0.0, by_subset={"dev": "validation", "test": "test", "known": "train"}))
    assert {name: splits[name] for name in "abcd"} == {
        "a": "validation",
        "b": "test",
        "c": "validation",
        "d": "validation",
    }
    assert sorted(splits[name] for name in "ef") == ["train", "validation"]


@pytest.mark.parametrize("n_speakers", [1, 2, 3])
def test_somebody_is_left_to_train(n_speakers: int) -> None:
    splits = assign_splits(speakers(n_speakers), config(0.9, 0.9))
    assert list(splits.values()).count("train") == 1


def test_subset_that_nobody_speaks_in_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assign_splits(speakers(3), config(by_subset={"dev-claen": "test"}))
    assert "dev-claen" in caplog.text

import logging
from collections import Counter

import pytest

from peewee_model.errors import ConfigError
from pipeline.ingest.splits import HeldOutUtterances, SplitConfig, Splits, assign_splits, hold_out_within


def config(validation=0.1, test=0.1, seed=1, by_subset=None, by_speaker=None):
    return SplitConfig.model_validate(
        {
            "by_subset": by_subset or {},
            "by_speaker": by_speaker or {},
            "within": {},
            "validation_fraction": validation,
            "test_fraction": test,
            "seed": seed,
        }
    )


def speakers(n_speakers, subset="train"):
    return {f"x_{number}": {subset} for number in range(n_speakers)}


def test_counts_are_exact_and_rounded_up():
    """A fraction of few speakers is at least one."""
    counts = Counter(assign_splits(speakers(101), config(0.1, 0.05)).values())
    assert counts == {"validation": 11, "test": 6, "train": 84}


def test_fraction_that_floats_overshoot_is_not_rounded_up():
    """0.07 of 100 is 7."""
    assert Counter(assign_splits(speakers(100), config(0.07, 0.0)).values())["validation"] == 7


def test_order_of_speakers_changes_nothing_and_the_seed_does():
    """A set has no order."""
    forward, backward = speakers(50), dict(reversed(speakers(50).items()))
    assert assign_splits(forward, config()) == assign_splits(backward, config())
    assert assign_splits(forward, config()) != assign_splits(forward, config(seed=2))


def test_one_speaker_more_moves_at_most_one_over_each_border():
    """A growing corpus keeps its test speakers."""
    for n_speakers in range(20, 60):
        before, after = assign_splits(speakers(n_speakers), config()), assign_splits(speakers(n_speakers + 1), config())
        assert sum(before[speaker] != after[speaker] for speaker in before) <= 2


def test_subset_names_the_split_and_the_most_held_out_wins():
    """A speaker in two subsets is never trained on."""
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
def test_somebody_is_left_to_train(n_speakers):
    """However large the fractions are."""
    splits = assign_splits(speakers(n_speakers), config(0.9, 0.9))
    assert list(splits.values()).count("train") == 1


def test_subset_that_nobody_speaks_in_is_warned_of(caplog):
    """It is probably misspelt."""
    with caplog.at_level(logging.WARNING):
        assign_splits(speakers(3), config(by_subset={"dev-claen": "test"}))
    assert "dev-claen" in caplog.text


def test_named_speaker_is_in_the_named_split_and_the_draw_is_of_the_others(caplog):
    """Whatever the subset says; a name of nobody is warned of."""
    named = {"x_3": "test", "x_4": "train", "x_9": "validation"}
    heard = speakers(8) | {"x_4": {"dev"}}
    with caplog.at_level(logging.WARNING):
        splits = assign_splits(heard, config(0.25, 0.0, by_subset={"dev": "test"}, by_speaker=named))
    assert (splits["x_3"], splits["x_4"], splits.keys()) == ("test", "train", heard.keys())
    assert Counter(splits.values()) == {"test": 1, "train": 5, "validation": 2}
    assert "x_9" in caplog.text


def within(**counts):
    held_out = {name: {"validation": validation, "test": test} for name, (validation, test) in counts.items()}
    return config().model_copy(
        update={"within": {name: HeldOutUtterances.model_validate(value) for name, value in held_out.items()}}
    )


def test_last_utterances_of_a_named_speaker_are_held_out_the_tests_last():
    """Texts that follow each other stay apart."""
    spoken = [("x_1", f"x_1_{number:03d}") for number in reversed(range(10))] + [("x_2", "x_2_000")]
    found = hold_out_within({"x_1": {"x"}, "x_2": {"x"}}, spoken, within(x_1=(2, 3)))
    splits = Splits({"x_2": "validation"}, found)
    told = [splits.of("x_1", f"x_1_{number:03d}") for number in range(10)]
    assert told == ["train"] * 5 + ["validation"] * 2 + ["test"] * 3
    assert splits.of("x_2", "x_2_000") == "validation"


def test_corpus_names_all_its_speakers_and_a_speaker_goes_before_it():
    """The special case wins."""
    corpora = {"a": {"one"}, "b": {"one", "two"}, "c": {"two"}}
    spoken = [(speaker, f"{speaker}_{number}") for speaker in corpora for number in range(4)]
    found = hold_out_within(corpora, spoken, within(one=(0, 1), b=(1, 2)))
    assert {speaker: sorted(splits.values()) for speaker, splits in found.items()} == {
        "a": ["test"],
        "b": ["test", "test", "validation"],
    }


def test_speaker_with_nothing_left_to_train_on_is_an_error():
    """The error names the speaker."""
    with pytest.raises(ConfigError, match=r"x_1 has 5 utterances, ingest\.split\.within holds out 2 \+ 3"):
        hold_out_within({"x_1": {"x"}}, [("x_1", str(number)) for number in range(5)], within(x_1=(2, 3)))


def test_within_that_names_nobody_is_warned_of(caplog):
    """It is probably misspelt."""
    with caplog.at_level(logging.WARNING):
        assert hold_out_within({"x_1": {"x"}}, [("x_1", "a")], within(y_1=(1, 1))) == {}
    assert "y_1" in caplog.text

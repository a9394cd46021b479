import pytest

from pipeline.evaluation.measures import Measurement, summarize


def row(name, heard, text="abcd efgh", cer=None, **figures):
    return Measurement("u", "s", False, name, text, 1.0, 1.0, recognized=heard, cer=cer, wer=0.0, **figures)


def synthesized(heard, cer, aligned=True, stop_failure=False):
    return row("synthesized", heard, cer=cer, aligned=aligned, stop_failure=stop_failure, truncated=False)


def test_error_rate_is_held_against_that_of_copy_synthesis():
    """Of 9 characters one is wrong in the copy; of 18 three in what was synthesized: 1/9 and 1/6."""
    found = summarize(
        [
            row("ground_truth", "abcd efgh", cer=0.0),
            row("copy_synthesis", "abcd efgx", cer=1 / 9),
            synthesized("abcd oooh", 3 / 9, aligned=False, stop_failure=True),
            synthesized("abcd efgh", 0.0),
        ],
        {}, n_bootstrap=500, seed=1,
    )  # fmt: skip
    assert list(found) == ["ground_truth", "copy_synthesis", "synthesized"]
    assert found["synthesized"]["cer"] == pytest.approx(1 / 6)
    assert found["synthesized"]["cer_ratio"] == pytest.approx(1.5)
    assert "cer_ratio" not in found["copy_synthesis"]
    # Two sentences: a quarter of the draws holds the good one alone, a quarter the bad one.
    assert found["synthesized"]["cer_low"] == pytest.approx(0)
    assert found["synthesized"]["cer_high"] == pytest.approx(1 / 3)
    assert found["synthesized"]["aligned"] == found["synthesized"]["stop_failures"] == 0.5
    assert found["copy_synthesis"]["cer_low"] == found["copy_synthesis"]["cer_high"] == pytest.approx(1 / 9)


def test_ratio_to_a_flawless_copy_is_not_defined():
    """Nothing is divided by 0."""
    found = summarize([row("copy_synthesis", "abcd efgh", cer=0.0), synthesized("abcd", 5 / 9)], {}, 10, 1)
    assert "cer_ratio" not in found["synthesized"]


def test_interval_weighs_sentences_by_their_length():
    """Edits over characters: a long sentence without errors beside a short one with all wrong is no mean of 0 and 1."""
    long = row("copy_synthesis", "a" * 99, text="a" * 99, cer=0.0)
    short = row("copy_synthesis", "x", text="a", cer=1.0)
    figures = summarize([long, short], {}, n_bootstrap=2000, seed=1)["copy_synthesis"]
    assert figures["cer"] == pytest.approx(0.01)
    assert figures["cer_low"] == pytest.approx(0) and figures["cer_high"] == pytest.approx(1)

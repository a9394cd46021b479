"""How sentences are put together in batches."""

import random

import pytest

from peewee_model.cloning.speaking import batches


@pytest.mark.parametrize("seed", range(5))
def test_every_sentence_is_in_one_batch_within_the_budgets(seed):
    """None is lost and none is spoken twice."""
    draw = random.Random(seed)
    lengths = [draw.randint(1, 90) for _ in range(100)]
    found = batches(lengths, max_items=7, max_symbols=300)
    assert sorted(index for batch in found for index in batch) == list(range(100))
    for batch in found:
        assert len(batch) <= 7
        assert len(batch) * max(lengths[index] for index in batch) <= 300


def test_sentences_of_like_lengths_are_together():
    """So that little of a batch is padding."""
    assert batches([5, 90, 6, 91], max_items=2, max_symbols=1000) == [[3, 1], [2, 0]]


def test_sentence_beyond_the_budget_is_alone():
    """It is spoken all the same."""
    assert batches([3, 500, 4], max_items=8, max_symbols=100) == [[1], [2, 0]]
    assert batches([]) == []

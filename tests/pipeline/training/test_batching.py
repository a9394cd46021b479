import numpy as np

from pipeline.training.batching import LengthBuckets
from pipeline.training.ragged import Ragged

LENGTHS = np.random.default_rng(0).integers(50, 400, 200)


def test_batches_hold_every_utterance_once_an_epoch():
    """Nothing is dropped and nothing comes twice."""
    buckets = LengthBuckets(LENGTHS, frame_budget=2000, seed=1)
    seen: list[int] = []
    index = 0
    while len(seen) < len(LENGTHS):
        seen += buckets.batch(index).tolist()
        index += 1
    assert sorted(seen) == list(range(len(LENGTHS)))


def test_batches_stay_within_the_frame_budget():
    """Padded frames, which is what memory follows; padding itself stays under a tenth."""
    buckets = LengthBuckets(LENGTHS, frame_budget=2000, seed=1)
    padded = real = 0
    for index in range(100):
        lengths = LENGTHS[buckets.batch(index)]
        assert lengths.max() * len(lengths) <= 2000
        padded, real = padded + lengths.max() * len(lengths), real + lengths.sum()
    assert real / padded > 0.9


def test_batch_is_a_function_of_seed_and_index():
    """Asked in any order, by a fresh object or a used one, batch k is batch k; another seed gives others."""
    used = LengthBuckets(LENGTHS, frame_budget=2000, seed=1)
    in_order = [used.batch(index).tolist() for index in range(60)]
    assert used.batch(3).tolist() == in_order[3]
    assert LengthBuckets(LENGTHS, frame_budget=2000, seed=1).batch(59).tolist() == in_order[59]
    assert LengthBuckets(LENGTHS, frame_budget=2000, seed=2).batch(3).tolist() != in_order[3]


def test_utterance_over_the_budget_is_a_batch_of_its_own():
    """It is trained on, not lost, and it takes no other with it."""
    buckets = LengthBuckets(np.array([10, 5000, 12]), frame_budget=100, seed=1)
    assert sorted(sorted(buckets.batch(index).tolist()) for index in range(2)) == [[0, 2], [1]]


def test_ragged_gives_back_what_was_streamed(tmp_path, monkeypatch):
    """Rows of any length, empty ones too; the scratch file is gone from the folder."""
    monkeypatch.chdir(tmp_path)
    arrays = [np.arange(n * 3, dtype=np.float32).reshape(n, 3) for n in (4, 0, 2)]
    ragged = Ragged(iter(arrays), np.float32, 3)
    assert len(ragged) == 3
    for index, array in enumerate(arrays):
        np.testing.assert_array_equal(ragged[index], array)
    assert list((tmp_path / ".scratch").iterdir()) == []

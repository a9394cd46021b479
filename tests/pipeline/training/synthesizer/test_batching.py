import os

import numpy as np
import pytest

from pipeline.training.loop.ragged import Ragged, ScratchError
from pipeline.training.synthesizer.batching import LengthBuckets

LENGTHS = np.random.default_rng(0).integers(50, 400, 200)


def test_batches_hold_every_utterance_once_an_epoch():
    """Nothing is dropped and nothing comes twice."""
    buckets = LengthBuckets(LENGTHS, frame_budget=2000, seed=1)
    seen = []
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


def test_ragged_takes_more_rows_and_reads_beginnings(tmp_path, monkeypatch):
    """Rows that are appended late count as the others do; a part of a row is read to where it is wanted."""
    monkeypatch.chdir(tmp_path)
    ragged = Ragged((), np.int16, 2)
    first, second = np.arange(6, dtype=np.int16).reshape(3, 2), np.full((5, 2), 9, dtype=np.int16)
    ragged.append(first)
    assert ragged.lengths.tolist() == [3]
    ragged.append(second)
    assert ragged.lengths.tolist() == [3, 5]
    target = np.zeros((4, 2), dtype=np.int16)
    ragged.read_into(0, target[1:3])
    np.testing.assert_array_equal(target, [[0, 0], [0, 1], [2, 3], [0, 0]])
    np.testing.assert_array_equal(ragged[1], second)
    ragged[1][:] = 0  # a row is the caller's own
    np.testing.assert_array_equal(ragged[1], second)


def test_ragged_refuses_what_does_not_fit(tmp_path, monkeypatch):
    """Reading past a row would be the next row's beginning; another width or dtype would be nonsense."""
    monkeypatch.chdir(tmp_path)
    ragged = Ragged([np.ones((3, 2)), np.ones((3, 2))], np.float32, 2)
    for target in (np.zeros((4, 2), np.float32), np.zeros((2, 2)), np.zeros((2, 1), np.float32)):
        with pytest.raises(ValueError, match="does not fit row 0"):
            ragged.read_into(0, target)
    with pytest.raises(ValueError, match=r"not \(n, 2\)"):
        ragged.append(np.ones((3, 1)))


def test_ragged_says_so_when_its_file_was_cut(tmp_path, monkeypatch):
    """Zeros instead of a mel would be trained on in silence."""
    monkeypatch.chdir(tmp_path)
    ragged = Ragged([np.ones((3, 2)), np.ones((3, 2))], np.float32, 2)
    assert ragged[1].sum() == 6
    os.ftruncate(ragged._file.fileno(), 30)
    with pytest.raises(ScratchError, match="ends at byte 30, within row 1"):
        ragged[1]

import threading

import pytest

from pipeline.training.loop.prefetch import Prefetch


def test_batches_come_in_order_of_the_stride():
    """Process 1 of 3 from step 2 on gets 7, 10, 13."""
    with Prefetch(lambda index: f"batch {index}", 7, 3) as batches:
        assert [batches.next() for _ in range(3)] == ["batch 7", "batch 10", "batch 13"]


def test_next_batch_is_made_while_this_one_is_in_use():
    """Nobody asks for batch 1 here, and yet it is made; nothing is made before the first is asked for."""
    made, second = [], threading.Event()

    def make(index):
        made.append(index)
        if index == 1:
            second.set()

    with Prefetch(make, 0, 1) as batches:
        assert made == []
        batches.next()
        assert second.wait(10)
        assert made == [0, 1]


def test_error_of_a_batch_comes_when_that_batch_is_asked_for():
    """Not before, and not at all if training ends before it."""

    def make(index):
        if index == 2:
            raise OSError("disk")
        return index

    with Prefetch(make, 0, 1) as batches:
        assert batches.next() == 0
        assert batches.next() == 1
        with pytest.raises(OSError, match="disk"):
            batches.next()
    with Prefetch(make, 1, 1) as batches:
        assert batches.next() == 1


def test_thread_ends_with_the_block():
    """A stopped training leaves no thread behind."""
    with pytest.raises(KeyError), Prefetch(str, 0, 1) as batches:
        batches.next()
        raise KeyError
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]

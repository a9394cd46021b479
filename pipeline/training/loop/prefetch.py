"""Makes the next batch during a training step, so that the device does not wait for the disk."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Batch = TypeVar("Batch")


class Prefetch(Generic[Batch]):
    """Makes the batches of every `stride`-th index in order, in a thread, one ahead; use it with `with`.

    A batch depends on its index alone, not on when it is made. Reading releases the interpreter's lock. One thread
    makes many more frames than a training uses (`tests/bench/loader.py`).

    Args:
        make: Makes batch `index`. Called by one thread at a time, and not before the first `next`.
        first: The first index.
        stride: From one index to the next: the number of processes that share the batches.
    """

    def __init__(self, make: Callable[[int], Batch], first: int, stride: int) -> None:
        self._make, self._index, self._stride = make, first, stride
        self._executor = ThreadPoolExecutor(1, "prefetch")
        self._ahead: Future[Batch] | None = None

    def __enter__(self) -> Self:
        """The thread starts with the first batch."""
        return self

    def next(self) -> Batch:
        """Return the next batch, and start to make the one after.

        Raises:
            Exception: The error of making it.
        """
        batch = (self._ahead or self._executor.submit(self._make, self._index)).result()
        self._index += self._stride
        self._ahead = self._executor.submit(self._make, self._index)
        return batch

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait for the thread's end; the batch made ahead is dropped."""
        self._executor.shutdown(cancel_futures=True)

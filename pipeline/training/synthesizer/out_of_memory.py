"""A batch that does not fit into a device's memory is trained on in parts."""

import logging
from collections.abc import Callable
from typing import TypeVar

import torch

from peewee_model.errors import PeeweeError

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class BatchTooLargeError(PeeweeError):
    """A batch does not fit into memory, and can't be divided."""


def in_parts_that_fit(
    accumulate: Callable[[int], Result], n_items: int, *, step: int, n_processes: int, remedy: str
) -> Result:
    """Do a step's forward and backward passes in as few parts as fit: 1, else 2, 4, 8, ...

    The next batch is tried as a whole again, so that the parts of one batch do not change later batches.

    Args:
        accumulate: Sets the gradient to zero, and sums it over the given number of parts of the batch.
        n_items: Items in the batch: parts at most.
        step: For messages.
        n_processes: Processes that train together. With several, batches are not divided, because all processes must
            reduce gradients equally often.
        remedy: What to lower.

    Raises:
        BatchTooLargeError: If it can't be divided further.
    """
    n_parts = 1
    while True:
        try:
            return accumulate(n_parts)
        except torch.OutOfMemoryError as error:
            reason = str(error).partition("\n")[0]
        # Not in the exception handler, which would keep the memory of the failed attempt.
        if n_processes > 1 or n_parts >= n_items:
            indivisible = f"{n_processes} processes train together" if n_processes > 1 else f"it is {n_items} items"
            raise BatchTooLargeError(
                f"step {step + 1}: a batch of {n_items} items does not fit into memory and can't be divided, for "
                f"{indivisible}; lower {remedy} ({reason})"
            )
        n_parts = min(2 * n_parts, n_items)
        torch.cuda.empty_cache()  # does nothing where there is no CUDA device
        log.warning("out of memory: step=%d parts=%d remedy=%r reason=%r", step + 1, n_parts, f"lower {remedy}", reason)

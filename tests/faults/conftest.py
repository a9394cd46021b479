"""How much is proven: a little in the suite, everything by `make faults`."""

import os
from collections.abc import Callable

import pytest


@pytest.fixture
def at_most() -> Callable[[int, int], int]:
    """`at_most(few, all)` is how many rounds, seeds or points to try."""
    return lambda few, full: full if os.environ.get("FAULTS") == "full" else few

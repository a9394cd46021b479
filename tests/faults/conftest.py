"""How much is proven: a little in the suite, everything by `make faults`."""

import os

import pytest


@pytest.fixture
def at_most():
    """`at_most(few, all)` is how many rounds, seeds or points to try."""
    return lambda few, full: full if os.environ.get("FAULTS") == "full" else few

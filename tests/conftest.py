"""Fixtures that more than one part of the tree uses."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recorded human speech, which is not part of the project."""
    folder = Path(os.environ.get("PEEWEE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recorded speech at {folder}; set PEEWEE_SHARED_DATA to a folder that has it")
    return folder

"""A release of random weights, small enough to be made anew for each test that damages it."""

import pytest

from tests.peewee_model.releases import safetensors_bytes, write_manifest, write_release


@pytest.fixture
def sign():
    """`sign(folder, **changes)` describes a folder by a manifest and returns the version."""
    return write_manifest


@pytest.fixture
def as_safetensors():
    """`as_safetensors(header, data)` makes a safetensors file by hand."""
    return safetensors_bytes


@pytest.fixture
def bare_release(tmp_path):
    """A well-formed release whose weights belong to no model: enough for what never loads a tensor."""
    folder = tmp_path / "release"
    return folder, write_release(folder)

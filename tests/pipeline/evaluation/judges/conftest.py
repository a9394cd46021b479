import tarfile

import pytest

from peewee_model.recordings.reading import read_clip


@pytest.fixture(scope="session")
def kathleen(shared_data):
    """Twenty recordings of a clear reader, and their texts."""
    with tarfile.open(shared_data / "kathleen" / "train-clean.tar.gz") as archive:
        files = {member.name: archive.extractfile(member).read() for member in archive if member.isfile()}
    names = sorted(name.removesuffix(".flac") for name in files if name.endswith(".flac"))
    chosen = names[:: len(names) // 20][:20]
    return (
        [read_clip(files[f"{name}.flac"]) for name in chosen],
        [files[f"{name}.normalized.txt"].decode() for name in chosen],
    )

"""Checkpoints of a training that ends in one clone and goes on in another."""

import hashlib

import pytest

from peewee_model.store.backends import open_backend
from pipeline.runs.checkpoints import Mirror


def checkpoint(folder, step, data=b"weights"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:08d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    path.write_bytes(data)
    return path


@pytest.fixture(params=["folder", "s3"])
def files(request, tmp_path):
    if request.param == "folder":
        return open_backend(str(tmp_path / "remote"))
    return open_backend(f"s3://{request.getfixturevalue('s3_bucket')}/prefix")


def test_checkpoints_travel_to_another_clone(files, tmp_path):
    """New ones go, removed ones are removed, and a clone elsewhere gets what is left; until it is forgotten."""
    here, there = tmp_path / "here", tmp_path / "there"
    mirror = Mirror(files, "runs/r/checkpoints", here, "train", 60)
    folder = here / ".checkpoints/train/f00d"
    old = checkpoint(folder, 1)
    checkpoint(folder / "best", 1, b"best")
    mirror.update()
    old.unlink()
    new = checkpoint(folder, 2, b"newer")
    (folder / "half.part").write_bytes(b"x")
    mirror.update()
    other = Mirror(files, "runs/r/checkpoints", there, "train", 60)
    assert other.restore() == 2
    restored = sorted(path.name for path in (there / ".checkpoints/train/f00d").rglob("*.*"))
    assert restored == sorted([new.name, checkpoint(folder / "best", 1, b"best").name])
    # A training that has ended removes its checkpoints; they stay in the remote until its result is stored.
    for path in folder.rglob("*.safetensors"):
        path.unlink()
    mirror.update()
    assert len(files.keys("runs/r/checkpoints")) == 2
    mirror.forget()
    assert files.keys("runs/r/checkpoints") == []


def test_damaged_checkpoint_is_left_out(tmp_path, caplog):
    """And one that would be written elsewhere."""
    files = open_backend(str(tmp_path / "remote"))
    kept = checkpoint(tmp_path / "remote/runs/r/checkpoints/train/f00d", 1)
    kept.write_bytes(b"wEights")
    whole = checkpoint(tmp_path / "remote/runs/r/checkpoints/train/f00d", 2, b"whole")
    mirror = Mirror(files, "runs/r/checkpoints", tmp_path / "clone", "train", 60)
    assert mirror.restore() == 1
    assert [path.name for path in (tmp_path / "clone").rglob("*.*") if path.is_file()] == [whole.name]
    assert "damaged" in caplog.text


def test_unreachable_remote_does_not_stop_a_training(tmp_path, caplog):
    """What can't be kept now is kept later."""
    (tmp_path / "remote").write_text("no folder")
    folder = tmp_path / "clone/.checkpoints/train"
    checkpoint(folder, 1)
    mirror = Mirror(open_backend(str(tmp_path / "remote")), "r", tmp_path / "clone", "train", 60)
    mirror.update()
    assert "will try again" in caplog.text
    (tmp_path / "remote").unlink()
    mirror.update()
    assert len(open_backend(str(tmp_path / "remote")).keys("r")) == 1

"""T3: what a crash or a full disk leaves is a beginning to go on from, and never a part of an archive as an archive."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.download.answer import DiskFullError, UnreachableError
from pipeline.download.fetch import fetch_all
from pipeline.download.part import Part
from tests.pipeline.download.hostile_server import serving
from tests.pipeline.ingest.archives import NAME, archive, hurried, names, source_of


@pytest.fixture
def places(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "*")
    return tmp_path / "archives", tmp_path / "scratch"


RUN = """
import sys
from pathlib import Path
from pipeline.corpora.sources import Source
from pipeline.download.fetch import fetch_all
fetch_all([Source.model_validate_json(sys.argv[1])], Path(sys.argv[2]), Path(sys.argv[3]))
"""


def until(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.005)


@pytest.mark.parametrize("offset", [600, 4097, 100_000, 262_144, 399_999])
def test_next_process_goes_on_after_kill(offset, places, repository):
    """T3: kill -9 in the middle leaves no final name, and the next run asks for the rest only."""
    folder, scratch = places
    payload = archive(5, 400_000)

    def script(x):
        if x.number == 0:
            x.serve(payload, upto=offset)
            x.hold()
        else:
            x.serve(payload)

    with serving(script) as server:
        source = source_of(server.url, payload)
        child = subprocess.Popen([sys.executable, "-c", RUN, source.model_dump_json(), folder, scratch], cwd=repository)
        part = scratch / f"{NAME}.part"
        until(lambda: part.exists() and part.stat().st_size == offset)
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert names(folder) == []
        fetch_all([source], folder, scratch, hurried()[1])
    assert server.requests[1:] == [("/", offset, '"v1"')]
    assert (folder / NAME).read_bytes() == payload


def test_complete_part_needs_no_server_after_kill(places, monkeypatch):
    """Killed between the last byte and the final name: nothing is asked for again."""
    folder, scratch = places
    payload = archive(6, 50_000)

    def die(self, destination):
        raise KeyboardInterrupt

    with serving(lambda x: x.serve(payload)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Part, "publish", die)
            with pytest.raises(KeyboardInterrupt):
                fetch_all([source_of(server.url, payload)], folder, scratch, hurried()[1])
        assert names(folder) == []
        fetch_all([source_of(server.url, payload)], folder, scratch, hurried()[1])
    assert len(server.requests) == 1
    assert (folder / NAME).read_bytes() == payload


def test_damaged_part_is_found_out_by_the_hash(places):
    """A part that a power cut filled with zeros costs one more transfer, and nothing else."""
    folder, scratch = places
    payload = archive(7, 80_000)
    with serving(lambda x: x.serve(payload, upto=50_000 if x.number == 0 else None)) as server:
        source = source_of(server.url, payload)
        with pytest.raises(UnreachableError):
            fetch_all([source], folder, scratch, hurried(attempts=1)[1])
        (scratch / f"{NAME}.part").write_bytes(payload[:30_000] + bytes(20_000))
        fetch_all([source], folder, scratch, hurried()[1])
    assert [start for _, start, _ in server.requests] == [None, 50_000, None]
    assert (folder / NAME).read_bytes() == payload


class LittleRoom:
    """A file on a disk with room for so many bytes."""

    def __init__(self, file, room):
        self.file, self.room = file, room

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.file.close()

    def write(self, data):
        room = self.room - self.file.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self.file.write(data[:room])


@pytest.mark.parametrize("room", [0, 1, 5000, 131_072, 299_999])
def test_full_disk_is_named_and_part_is_kept(room, places, monkeypatch):
    """T3: ENOSPC stops with what to do; with room again, the rest is fetched."""
    folder, scratch = places
    payload = archive(8, 300_000)
    real = Path.open

    def full(path, mode="r", **kwargs):
        file = real(path, mode, **kwargs)
        return LittleRoom(file, room) if path.suffix == ".part" and mode == "ab" else file

    with serving(lambda x: x.serve(payload)) as server:
        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full)
            with pytest.raises(DiskFullError, match="make room"):
                fetch_all([source_of(server.url, payload)], folder, scratch, hurried()[1])
        assert names(folder) == []
        assert (scratch / f"{NAME}.part").read_bytes() == payload[:room]
        fetch_all([source_of(server.url, payload)], folder, scratch, hurried()[1])
    assert [start for _, start, _ in server.requests] == [None, room or None]
    assert (folder / NAME).read_bytes() == payload


@pytest.mark.parametrize("limit", [1000, 4096, 100_001, 262_144, 299_999])
def test_file_size_limit_of_the_system_is_named(limit, places, repository):
    """T3: the same with a limit that the kernel enforces."""
    folder, scratch = places
    payload = archive(9, 300_000)
    with serving(lambda x: x.serve(payload)) as server:
        source = source_of(server.url, payload)
        limited = (
            f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY}))\n{RUN}"
        )
        done = subprocess.run(
            [sys.executable, "-c", limited, source.model_dump_json(), folder, scratch],
            cwd=repository,
            capture_output=True,
            text=True,
        )
        assert "DiskFullError" in done.stderr
        assert (scratch / f"{NAME}.part").read_bytes() == payload[:limit]
        fetch_all([source], folder, scratch, hurried()[1])
    assert server.requests[1:] == [("/", limit, '"v1"')]


def test_too_little_room_is_said_before_anything_is_written(places, monkeypatch):
    """The length is known at the start, so the disk need not be filled first."""
    payload = archive(10, 50_000)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 49_999})())
    with serving(lambda x: x.serve(payload)) as server, pytest.raises(DiskFullError, match="49999 are free"):
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert not (places[1] / f"{NAME}.part").exists()


def test_scratch_on_another_file_system(places, monkeypatch):
    """Where a rename can't reach, the archive is carried over, and still appears in one step."""
    payload = archive(11, 50_000)
    real = Path.replace

    def replace(path, target):
        if path.suffix == ".part":
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return real(path, target)

    monkeypatch.setattr(Path, "replace", replace)
    with serving(lambda x: x.serve(payload)) as server:
        fetch_all([source_of(server.url, payload)], *places, hurried()[1])
    assert (places[0] / NAME).read_bytes() == payload
    assert names(places[0]) == [NAME]
    assert names(places[1]) == ["lock"]

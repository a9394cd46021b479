"""What MLflow has not received yet: a folder a run, `.scratch/tracking/<name>/`.

    events.jsonl     an event a line, in order: start, training, metrics, file, end
    files/           copies of what the stage wrote, because its next run overwrites it
    sent.json        how much of events.jsonl MLflow has, and the id of the run there
    writer, sender   locked by the process that writes events, and by the one that sends them

The stage only appends to a file. So a server that is slow or down can neither stop a training nor slow it.
"""

import contextlib
import fcntl
import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from peewee_model.files import write_whole

ROOT = Path(".scratch/tracking")
EVENTS = "events.jsonl"
SENT = "sent.json"
FILES = "files"
WRITER = "writer"
SENDER = "sender"

Event = dict[str, Any]


class Spool:
    """Writes the events of one run.

    Args:
        root: The folder of all spools.
        stage: Part of the folder's name, which sorts by time.
    """

    def __init__(self, root: Path, stage: str) -> None:
        self.folder = root / f"{time.time_ns()}-{stage}"
        (self.folder / FILES).mkdir(parents=True)
        self._lock = (self.folder / WRITER).open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._events = (self.folder / EVENTS).open("a", encoding="utf-8")

    def add(self, kind: str, **values: Any) -> None:
        """Append an event."""
        self._events.write(json.dumps({"kind": kind, "time_ms": time.time_ns() // 1_000_000, **values}) + "\n")
        self._events.flush()

    def add_file(self, path: Path) -> None:
        """Copy a file of the project, and append that it is to be sent."""
        copy = self.folder / FILES / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
        self.add("file", path=path.as_posix())

    def close(self) -> None:
        """Say that no event follows."""
        self._events.close()
        self._lock.close()


def waiting(root: Path) -> list[Path]:
    """List the spools, the oldest first."""
    return sorted(path.parent for path in root.glob(f"*/{EVENTS}"))


def is_written(folder: Path) -> bool:
    """Return whether a process still writes events."""
    with _locked(folder / WRITER) as free:
        return not free


@contextlib.contextmanager
def sending(folder: Path) -> Iterator[bool]:
    """Take the right to send a spool; false if another process has it, or has sent all."""
    try:
        with _locked(folder / SENDER) as free:
            yield free
    except FileNotFoundError:
        yield False


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def read_events(folder: Path, offset: int) -> list[tuple[Event, int]]:
    """Read whole lines from an offset; each event is with the offset of the next."""
    found = []
    with (folder / EVENTS).open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):  # it is being written, or its writer was killed
                break
            offset += len(line)
            found.append((json.loads(line), offset))
    return found


def read_sent(folder: Path) -> dict[str, Any]:
    """Read how much was sent; from a spool that is new, nothing."""
    try:
        found: dict[str, Any] = json.loads((folder / SENT).read_text())
    except FileNotFoundError:
        return {"offset": 0, "run": None}
    return found


def write_sent(folder: Path, sent: dict[str, Any]) -> None:
    """Write how much was sent."""
    write_whole(folder / SENT, json.dumps(sent))


def forget(folder: Path) -> None:
    """Remove a spool that was sent."""
    shutil.rmtree(folder, ignore_errors=True)

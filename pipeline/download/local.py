"""Reads archives from this machine: files, folders, and the mini corpus, which this project generates."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from pipeline.download.answer import CHUNK, Answer, Have, Patience, RefusedError, TransientError
from pipeline.download.folder import as_tar


def file_path(url: str) -> Path:
    """Return the path of a `file:` URL; a relative path starts at the working directory."""
    return Path(unquote(re.sub(r"^file:(//(localhost)?(?=/))?", "", url)))


def open_file(url: str, have: Have, patience: Patience) -> Answer:
    """Read a file or a folder. A file's size and modification time show whether it is still the same."""
    path = file_path(url)
    if url.endswith("/"):
        return _open_folder(url, path)
    if not path.is_file():
        raise RefusedError(f"{url}: {path.absolute()} is no regular file; correct the URL or put the archive there")
    try:
        stream = path.open("rb")
    except OSError as error:
        raise RefusedError(f"{url}: {path.absolute()} can't be read: {error.strerror}; see to it") from None
    status = os.fstat(stream.fileno())
    validator = f"{status.st_size}-{status.st_mtime_ns}"
    start = have.size if have.validator == validator else 0
    stream.seek(start)

    def chunks() -> Iterator[bytes]:
        try:
            while data := stream.read(CHUNK):
                yield data
        except OSError as error:
            raise TransientError(f"{url}: {error.strerror}") from None

    return Answer(start, status.st_size, validator, chunks(), close=stream.close)


def _open_folder(url: str, path: Path) -> Answer:
    """Read a folder as a tar; it always starts at the beginning."""
    if not path.is_dir():
        raise RefusedError(f"{url}: {path.absolute()} is no folder; correct the URL, without `/` at its end for a file")

    def chunks() -> Iterator[bytes]:
        try:
            yield from filter(None, as_tar(path))
        except OSError as error:
            raise RefusedError(f"{url}: {error}; see that the folder can be read, and stays as it is") from None

    return Answer(0, None, None, chunks())


def open_mini(url: str, have: Have, patience: Patience) -> Answer:
    """Read what `python -m pipeline.mini SUBSET` writes; it always starts at the beginning."""
    command = [sys.executable, "-m", "pipeline.mini", url.removeprefix("mini:")]
    root = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, env={**os.environ, "PYTHONPATH": path})

    def chunks() -> Iterator[bytes]:
        assert child.stdout is not None
        while data := child.stdout.read(CHUNK):
            yield data
        if child.wait() != 0:
            said.seek(0)
            lines = said.read().decode("utf-8", "replace").strip().splitlines() or ["it said nothing"]
            failed = f"{' '.join(command[1:])} failed with {child.returncode}: {lines[-1][:300]}"
            raise RefusedError(f"{url}: {failed}; run the command to see all of it")

    def close() -> None:
        child.kill()
        child.communicate()
        said.close()

    return Answer(0, None, None, chunks(), close=close)

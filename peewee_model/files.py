"""Writes files whole or not at all: under a temporary name, which is then renamed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to; when the block ends, it is renamed to the file's own name.

    Another reader sees the old file or the new one, never a part. If the block raises, the old file stays and the part
    is removed. Several processes may do this at once: the last one wins.

    Args:
        path: The file; its folder is made if it is missing.
        durable: Whether the file and its name must outlive a power failure: both are synced to the disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:200]}.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        part.chmod(0o666 & ~_umask())
        yield part
        if durable:
            sync(part)
        part.replace(path)
        if durable:
            sync(path.parent)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes | str, *, durable: bool = False) -> None:
    """Write a file whole or not at all: see `written_whole`."""
    with written_whole(path, durable=durable) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)


def sync(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

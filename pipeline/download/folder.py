"""A folder of this machine as a tar: the same bytes for the same files, wherever and whenever they were copied."""

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast


class _Pieces(io.RawIOBase):
    """Collects what is written, until it is taken."""

    def __init__(self) -> None:
        self._written: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(cast(bytes, data))
        self._written.append(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        piece, self._written = b"".join(self._written), []
        return piece


def as_tar(folder: Path) -> Iterator[bytes]:
    """Yield a tar of a folder's regular files, sorted by name, without times, owners and modes.

    Names begin with the folder's own name. Links and hidden files are left out.

    Raises:
        OSError: If a file can't be read, or grows shorter meanwhile.
    """
    pieces = _Pieces()
    top = folder.resolve()
    with tarfile.open(fileobj=cast(BinaryIO, pieces), mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(_files(top), key=lambda path: path.relative_to(top).as_posix()):
            member = tarfile.TarInfo(f"{top.name}/{path.relative_to(top).as_posix()}")
            member.size = path.stat().st_size
            with path.open("rb") as file:
                tar.addfile(member, file)
            yield pieces.take()
    yield pieces.take()


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path

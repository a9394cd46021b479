"""A store in a folder: what `store.Backend` asks for, by a file system's own guarantees."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from peewee_model.errors import ReleaseError, TamperedReleaseError
from peewee_model.release.manifest import FileEntry, hash_file, verify_release
from peewee_model.store.backend import Progress, Source


class FolderBackend:
    """A store in a folder. Releases are used in place.

    What is being written stands under `.incoming` until it is whole; what a killed writer left there, nobody reads.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, prefix: str) -> list[str]:
        """See `Backend`."""
        try:
            return sorted(path.name for path in (self._folder / prefix).iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """See `Backend`."""
        try:
            return (self._folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Backend`. A hard link is what a file system creates atomically, whole, and only once."""
        target = self._folder / key
        incoming = self._folder / ".incoming" / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            incoming.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(incoming, data)
            os.link(incoming, target)
        except FileExistsError:
            return False
        except OSError as error:
            raise ReleaseError(
                f"{target} can't be written: {error.strerror}; a store needs room, and a file system with hard links"
            ) from None
        finally:
            incoming.unlink(missing_ok=True)
        _sync_folder(target.parent)
        return True

    def require_atomic(self) -> None:
        """See `Backend`. Hard links are."""

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """See `Backend`. The copy is verified, at rest, before the folder gets its name."""
        target = self._folder / prefix
        if target.exists():
            raise ReleaseError(f"{target} has no {last}: half a release; remove the folder and publish again")
        incoming = self._folder / ".incoming" / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for name, source in sorted(files.items()):
                _copy_checked(source, incoming / name)
            _write_durably(incoming / last, data)
            incoming.rename(target)
        except OSError as error:
            if not (target / last).exists():  # else another publisher of the same files was faster
                raise ReleaseError(f"{target} can't be written: {error}; put that right and publish again") from None
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        _sync_folder(target.parent)

    def holds(self, version: str) -> bool:
        """See `Backend`. There is nobody to ask, and looking costs nothing."""
        return False

    def release(self, version: str) -> Path:
        """See `Backend`."""
        folder = self._folder / "releases" / version
        verify_release(folder, version)
        return folder

    def file(self, key: str, entry: FileEntry) -> Path:
        """See `Backend`."""
        path = self._folder / key
        check_file(path, entry)
        return path

    @contextlib.contextmanager
    def at_rest(self, version: str, progress: Progress | None) -> Iterator[tuple[Path, Collection[str]]]:
        """See `Backend`."""
        yield self._folder / "releases" / version, ()


def check_file(path: Path, entry: FileEntry) -> None:
    """Compare a file with what it must be.

    Raises:
        TamperedReleaseError: If it is missing or differs; what was expected and what was found.
    """
    try:
        found = hash_file(path)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise TamperedReleaseError(f"{path}: expected {entry.size} bytes, found no file; restore it") from None
    if found != entry:
        raise TamperedReleaseError(
            f"{path}: expected {entry.size} bytes of sha256 {entry.sha256}, found {found.size} of {found.sha256}; "
            "do not use it, and restore it"
        )


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_checked(source: Source, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.path.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)
        writer.flush()
        os.fsync(writer.fileno())
    try:
        check_file(target, source.entry)
    except TamperedReleaseError as error:
        raise TamperedReleaseError(str(error).replace(str(target), str(source.path))) from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""A store in a folder: what `store.Backend` asks for, by a file system's own guarantees."""

import os
import shutil
import uuid
from pathlib import Path

from peewee_model.errors import ReleaseError, TamperedReleaseError
from peewee_model.release import MANIFEST, Manifest, verify_release


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

    def read(self, key: str) -> bytes | None:
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

    def add_release(self, version: str, source: Path, manifest: Manifest) -> None:
        """See `Backend`. The copy is verified before it gets its name."""
        target = self._folder / "releases" / version
        if target.exists():
            raise ReleaseError(f"{target} has no {MANIFEST}: half a release; remove the folder and publish again")
        incoming = self._folder / ".incoming" / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for name in [*sorted(manifest.files), MANIFEST]:
                copy = incoming / name
                copy.parent.mkdir(parents=True, exist_ok=True)
                _copy_durably(source / name, copy)
            verify_release(incoming, version)
            incoming.rename(target)
        except TamperedReleaseError as error:
            raise TamperedReleaseError(str(error).replace(str(incoming), str(source))) from None
        except OSError as error:
            if not (target / MANIFEST).exists():  # else another publisher of the same release was faster
                raise ReleaseError(f"{target} can't be written: {error}; put that right and publish again") from None
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        _sync_folder(target.parent)

    def fetch_release(self, version: str) -> Path:
        """See `Backend`."""
        return self._folder / "releases" / version


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _copy_durably(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)
        writer.flush()
        os.fsync(writer.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

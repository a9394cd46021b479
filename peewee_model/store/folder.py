"""Storage in a folder: implements `Backend` by the guarantees of a file system."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from peewee_model import environment
from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.files import sync, write_whole, written_whole
from peewee_model.release.manifest import MANIFEST, FileEntry, hash_file
from peewee_model.release.verification import verify_release
from peewee_model.store.backend import Progress, Source

_PART = ".part"
_TEMPORARY = (".dvc", "tmp", "exps")
"""Where DVC makes the workspaces of `dvc exp run --temp` and `--queue`."""


class FolderBackend:
    """Storage in a folder. Releases are used in place.

    A file is under `.incoming` until it is complete. Nobody reads what a killed writer left there.

    Args:
        address: As the user wrote it, for messages.
        folder: Its path.
    """

    def __init__(self, address: str, folder: Path) -> None:
        self.address = address
        self._folder = folder

    def names(self, prefix: str, start: str = "") -> list[str]:
        """See `Backend`."""
        try:
            return sorted(path.name for path in (self._folder / prefix).iterdir() if path.name.startswith(start))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def keys(self, prefix: str) -> list[str]:
        """See `Backend`."""
        found = (path for path in (self._folder / prefix).rglob("*") if path.suffix != _PART and path.is_file())
        return sorted(path.relative_to(self._folder).as_posix() for path in found)

    def read(self, key: str, keep: bool = False) -> bytes | None:
        """See `Backend`."""
        try:
            return (self._folder / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """See `Backend`. It creates a hard link, which a file system does atomically and only once."""
        self._require_lasting()
        target = self._folder / key
        incoming = self._folder / ".incoming" / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(incoming, data, durable=True)
            os.link(incoming, target)
        except FileExistsError:
            return False
        except OSError as error:
            raise ReleaseError(
                f"{target} can't be written: {error.strerror}; a store needs room, and a file system with hard links"
            ) from None
        finally:
            incoming.unlink(missing_ok=True)
        sync(target.parent)
        return True

    def require_atomic(self) -> None:
        """See `Backend`. Hard links are atomic."""

    def upload(self, path: Path, key: str) -> None:
        """See `Backend`."""
        self._require_lasting()
        with written_whole(self._folder / key) as part:
            shutil.copyfile(path, part)

    def download(self, key: str, path: Path) -> None:
        """See `Backend`."""
        shutil.copyfile(self._folder / key, path)

    def delete(self, key: str) -> None:
        """See `Backend`."""
        (self._folder / key).unlink(missing_ok=True)

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """See `Backend`. The copy on disk is verified before the folder gets its name."""
        self._require_lasting()
        target = self._folder / prefix
        if target.exists():
            if (target / last).exists():
                return  # another publisher of the same files was faster
            raise ReleaseError(f"{target} has no {last}: half a release; remove the folder and publish again")
        incoming = self._folder / ".incoming" / uuid.uuid4().hex
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            for name, source in sorted(files.items()):
                _copy_checked(source, incoming / name)
            write_whole(incoming / last, data, durable=True)
            incoming.rename(target)
        except OSError as error:
            if not (target / last).exists():  # else another publisher of the same files was faster
                raise ReleaseError(f"{target} can't be written: {error}; put that right and publish again") from None
        finally:
            shutil.rmtree(incoming, ignore_errors=True)
        sync(target.parent)

    def holds(self, version: str) -> bool:
        """See `Backend`. It is always False: the caller then looks into the folder, which costs nothing."""
        return False

    def release(self, version: str) -> Path:
        """See `Backend`."""
        folder = self._folder / "releases" / version
        if not (folder / MANIFEST).exists():
            raise ReleaseNotFoundError(f"{self.address}: release {version} is not whole: it has no {MANIFEST}")
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

    def _require_lasting(self) -> None:
        """Refuse to write where DVC removes everything when the run ends."""
        folder = self._folder.resolve()
        if any(pair == _TEMPORARY for pair in zip(folder.parts, folder.parts[1:], folder.parts[2:], strict=False)):
            raise ReleaseError(
                f"{self.address} is {folder}, in a temporary workspace of `dvc exp run` that DVC removes afterwards; "
                f"set {environment.STORE.name} to an absolute path or s3://bucket/prefix"
            )


def check_file(path: Path, entry: FileEntry) -> None:
    """Compare a file with its entry.

    Raises:
        TamperedReleaseError: If it is missing or differs; the message has the expected and the found value.
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


def _copy_checked(source: Source, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.path.open("rb") as reader, target.open("xb") as writer:
        shutil.copyfileobj(reader, writer, 2**20)
    sync(target)
    try:
        check_file(target, source.entry)
    except TamperedReleaseError as error:
        raise TamperedReleaseError(str(error).replace(str(target), str(source.path))) from None

"""The cache of remote stores on this machine: the folder `PEEWEE_CACHE`, by default `~/.cache/peewee-tts`.

    CACHE/blobs/<2>/<sha256>          content, once however many releases hold it
    CACHE/releases/<version>/...      hard links to blobs (copies, where there are no hard links), and the manifest
    CACHE/features/<version>/...      the same of feature tables
    CACHE/signatures/<version>/...    signatures that were read, for use without a network
    CACHE/incoming/<random>/          unfinished downloads; no other process reads it

Names are hashes of the content, so it does not matter from which store a file came, and nothing becomes outdated. A
complete file gets its name by one rename. So several processes need no lock; at worst two of them download the same
file. A damaged file is removed and downloaded again, once, with a warning.
"""

import contextlib
import errno
import logging
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from peewee_model import environment
from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.files import write_whole
from peewee_model.release.manifest import MANIFEST, FileEntry, hash_file, parse_manifest
from peewee_model.release.verification import verify_release
from peewee_model.store.default_cache import default_folder

logger = logging.getLogger(__name__)

ABANDONED_AFTER_S = 7 * 24 * 3600
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Remote(Protocol):
    """The storage from which the cache reads what it does not have."""

    def read(self, key: str) -> bytes | None:
        """Read a small object; None if it does not exist."""

    def get(self, files: Mapping[str, tuple[Path, FileEntry]]) -> Iterable[str]:
        """Download objects, by key, into new files; yield each key when its file has been compared with its entry."""


def cache_folder() -> Path:
    """Name the folder of the cache."""
    return environment.CACHE.path() or default_folder()


class Cache:
    """The cache in one folder of this machine.

    Args:
        folder: It is created when something is first kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def holds(self, version: str) -> bool:
        """Return whether the cache has a release. It may be damaged."""
        return (self._folder / "releases" / version / MANIFEST).exists()

    def release(self, version: str, remote: Remote) -> Path:
        """Return the folder of a release, verified now. It is downloaded if it is missing or damaged.

        Raises:
            ReleaseError: If it can't be downloaded, or the disk is full.
        """
        folder = self._folder / "releases" / version
        with self._explained():
            try:
                seen = folder.stat().st_ino
                verify_release(folder, version)
            except FileNotFoundError:
                damage = None
            except ReleaseError as error:
                damage = error
                self._take_out(folder, seen)
            else:
                return folder
            with _told(damage):
                return self._get_release(version, folder, remote)

    def file(self, key: str, entry: FileEntry, remote: Remote) -> Path:
        """Return the file of a key, compared now with its entry. It is downloaded if it is missing or damaged."""
        path = self._folder / key
        with self._explained():
            damage = None
            if path.exists():
                if hash_file(path) == entry:
                    return path
                damage = TamperedReleaseError(f"{path}: expected sha256 {entry.sha256}, found another; it is got again")
                logger.warning("%s", damage)
            with _told(damage), self._incoming() as incoming:
                self._get_blobs({key: entry}, remote, incoming)
                self._link(entry, incoming / "file")
                path.parent.mkdir(parents=True, exist_ok=True)
                (incoming / "file").replace(path)
        return path

    def kept(self, key: str) -> bytes | None:
        """Return a small object that was kept; None if it was not."""
        with self._explained():
            try:
                return (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None

    def keep(self, key: str, data: bytes) -> None:
        """Keep a small object. If the cache can't be written, the object is read from the store each time."""
        path = self._folder / key
        try:
            write_whole(path, data)
        except OSError as error:
            logger.info("%s is not kept in %s: %s", key, self._folder, error.strerror)

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Yield a temporary folder with room for a release."""
        with self._explained(), self._incoming() as incoming:
            yield incoming

    def _get_release(self, version: str, folder: Path, remote: Remote) -> Path:
        prefix = f"releases/{version}"
        data = remote.read(f"{prefix}/{MANIFEST}")
        if data is None:
            raise ReleaseNotFoundError(f"release {version} is not whole in its store: it has no {MANIFEST}")
        manifest = parse_manifest(data, version, prefix)
        with self._incoming() as incoming:
            self._get_blobs({f"{prefix}/{name}": entry for name, entry in manifest.files.items()}, remote, incoming)
            made = incoming / "release"
            made.mkdir()
            (made / MANIFEST).write_bytes(data)
            linked = {name for name, entry in manifest.files.items() if self._link(entry, made / name)}
            verify_release(made, version, hashed=linked)
            folder.parent.mkdir(parents=True, exist_ok=True)
            try:
                made.rename(folder)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
                verify_release(folder, version)  # another process was faster
        return folder

    def _get_blobs(self, entries: Mapping[str, FileEntry], remote: Remote, incoming: Path) -> None:
        """Download, by key, blobs that are missing or damaged. This process hashes each blob once."""
        wanted = {entry.sha256: (key, entry) for key, entry in entries.items()}
        missing = {key: entry for key, entry in wanted.values() if not self._is_blob(entry)}
        needed, free = sum(entry.size for entry in missing.values()), shutil.disk_usage(incoming).free
        if needed > free:
            raise OSError(errno.ENOSPC, f"{needed} bytes are needed, {free} are free")
        targets = {key: (incoming / entry.sha256, entry) for key, entry in missing.items()}
        for key in remote.get(targets):
            path, entry = targets[key]
            path.chmod(0o444)
            self._blob(entry).parent.mkdir(parents=True, exist_ok=True)
            path.replace(self._blob(entry))

    def _blob(self, entry: FileEntry) -> Path:
        return self._folder / "blobs" / entry.sha256[:2] / entry.sha256

    def _is_blob(self, entry: FileEntry) -> bool:
        blob = self._blob(entry)
        try:
            return blob.stat().st_size == entry.size and hash_file(blob) == entry
        except FileNotFoundError:
            return False

    def _link(self, entry: FileEntry, path: Path) -> bool:
        """Link to a blob, or copy it where links are impossible; return whether it is a link."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._blob(entry), path)
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise
            shutil.copyfile(self._blob(entry), path)
            return False
        return True

    def _take_out(self, folder: Path, seen: int) -> None:
        """Remove a damaged release, unless another process has put a new one there meanwhile."""
        logger.warning("%s is damaged; it is taken out of the cache and got again", folder)
        with self._incoming() as incoming, contextlib.suppress(FileNotFoundError):
            if folder.stat().st_ino == seen:
                folder.rename(incoming / "damaged")

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[Path]:
        parent = self._folder / "incoming"
        parent.mkdir(parents=True, exist_ok=True)
        for other in parent.iterdir():
            with contextlib.suppress(OSError):
                if time.time() - other.stat().st_mtime > ABANDONED_AFTER_S:
                    shutil.rmtree(other, ignore_errors=True)
        incoming = parent / uuid.uuid4().hex
        incoming.mkdir()
        try:
            yield incoming
        finally:
            shutil.rmtree(incoming, ignore_errors=True)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in _NO_ROOM:
                raise ReleaseError(
                    f"the cache {self._folder} has no room ({error.strerror}); free some, or set PEEWEE_CACHE to a "
                    "folder that has"
                ) from None
            raise ReleaseError(
                f"the cache {self._folder} can't be used: {error}; put that right, or set PEEWEE_CACHE to another one"
            ) from None


@contextlib.contextmanager
def _told(damage: ReleaseError | None) -> Iterator[None]:
    """Add to an error inside the block that the copy in the cache is damaged."""
    try:
        yield
    except ReleaseError as error:
        if damage is None:
            raise
        raise type(error)(f"{damage} - it can't be got again: {error}") from None
    except OSError as error:
        if damage is None:
            raise
        raise OSError(error.errno, f"{error.strerror}; what the cache held is damaged") from None

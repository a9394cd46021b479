"""Storage in an S3 bucket: implements `Backend` by conditional writes.

Put-if-absent is `If-None-Match: *`. Some servers answer it rightly in sequence, and yet let several racing writers win
(OpenStack Swift, Ceph); some ignore it. So before a process writes its first channel entry it lets writers race for a
few objects under `probes/`. If more than one writer wins, the store is refused, unless PEEWEE_SINGLE_PUBLISHER=1 says
that nobody else publishes there. The result is not kept in the store, because buckets are copied from server to server
and servers change. The race takes less than a second, and a training takes hours (docs/adr/0006).

Nothing in a store of releases is ever deleted, and every object but the probes is written once.
"""

import contextlib
import logging
import threading
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

from peewee_model import environment
from peewee_model.errors import ReleaseError, TamperedReleaseError
from peewee_model.release.manifest import MANIFEST, FileEntry, parse_manifest
from peewee_model.store.backend import Progress, Source
from peewee_model.store.cache import Cache
from peewee_model.store.s3_connection.errors import UploadForgottenError, error_code
from peewee_model.store.s3_download import Target, download
from peewee_model.store.s3_objects import ABSENT, S3Objects
from peewee_model.store.s3_transfers import HASH_METADATA
from peewee_model.store.s3_upload import upload

logger = logging.getLogger(__name__)

RACERS, RACES = 8, 5


class S3Backend(S3Objects):
    """A storage: a bucket, or the objects under a prefix of it. Objects that are read are kept in a cache."""

    def __init__(self, address: str, cache: Cache) -> None:
        super().__init__(address, cache)
        self._is_trusted = False

    def require_atomic(self) -> None:
        """See `Backend`."""
        if self._is_trusted or environment.SINGLE_PUBLISHER.is_on():
            return
        for _ in range(RACES):
            if (winners := self._race()) != 1:
                raise ReleaseError(
                    f"{self.address}: {RACERS} writers raced to create one object, and {winners} were "
                    "confirmed: its put-if-absent is not atomic, and two publishers could undo each other. Use a store "
                    f"where it is; or, if nobody else ever publishes here, set {environment.SINGLE_PUBLISHER.name}=1"
                )
        self._is_trusted = True

    def _race(self) -> int:
        """Let several writers create one object at the same time; return how many of them the server confirmed."""
        key = f"probes/{uuid.uuid4().hex}"
        start = threading.Barrier(RACERS)

        def write(number: int) -> bool:
            start.wait()
            return self.put_if_absent(key, f"writer {number}\n".encode())

        with ThreadPoolExecutor(RACERS) as pool:
            return sum(pool.map(write, range(RACERS)))

    def add(self, prefix: str, files: Mapping[str, Source], last: str, data: bytes) -> None:
        """See `Backend`. Files that an earlier attempt has sent are not sent again."""
        keys = {f"{prefix}/{name}": source for name, source in files.items()}
        while missing := self._missing(prefix, keys):
            if self._send(missing):
                break
        if not self.put_if_absent(f"{prefix}/{last}", data):
            raise TamperedReleaseError(
                f"{self.address}/{prefix}/{last}: expected what was to be added, found another; restore it"
            )

    def _missing(self, prefix: str, keys: Mapping[str, Source]) -> dict[str, Source]:
        """Return the files that are missing in the bucket or differ there."""
        there = self._sizes(prefix)
        doubtful = [key for key, source in keys.items() if there.get(key) == source.entry.size]
        with ThreadPoolExecutor(RACERS) as pool:
            hashes = dict(zip(doubtful, pool.map(self._sent_hash, doubtful), strict=True))
        return {key: source for key, source in keys.items() if hashes.get(key) != source.entry.sha256}

    def _send(self, files: Mapping[str, Source]) -> bool:
        """Send files; False if the server no longer knows an upload, so that the caller must check what it has."""
        client = self._client.get()
        objects = {self._prefix + key: source for key, source in files.items()}
        total = sum(source.entry.size for source in files.values())
        with _bar("sending", total) as progress:
            try:
                upload(client, self._bucket, objects, progress, self._explained)
            except UploadForgottenError:
                return False
            except OSError as error:
                raise ReleaseError(f"{error.filename} can't be read: {error.strerror}; publish again") from None
        return True

    def holds(self, version: str) -> bool:
        """See `Backend`."""
        return self._cache.holds(version)

    def release(self, version: str) -> Path:
        """See `Backend`."""
        return self._cache.release(version, self)

    def file(self, key: str, entry: FileEntry) -> Path:
        """See `Backend`."""
        return self._cache.file(key, entry, self)

    def get(self, files: Mapping[str, tuple[Path, FileEntry]], progress: Progress | None = None) -> Iterable[str]:
        """See `cache.Remote`; with a progress bar, unless the caller shows progress."""
        if not files:
            return
        targets = {
            self._prefix + key: Target(path, entry, f"{self.address}/{key}") for key, (path, entry) in files.items()
        }
        total = sum(entry.size for _, entry in files.values())
        bar = _bar("getting", total) if progress is None else contextlib.nullcontext(progress)
        with bar as progress_bar:
            for key in download(self._client.get(), self._bucket, targets, progress_bar, self._explained):
                yield key[len(self._prefix) :]

    @contextlib.contextmanager
    def at_rest(self, version: str, progress: Progress | None) -> Iterator[tuple[Path, Collection[str]]]:
        """See `Backend`. All files are downloaded again, into a folder that is removed afterwards."""
        prefix = f"releases/{version}"
        data = self.read(f"{prefix}/{MANIFEST}") or b""
        manifest = parse_manifest(data, version, f"{self.address}/{prefix}")
        there = {key[len(prefix) + 1 :]: size for key, size in self._sizes(prefix).items()}
        wanted = {name: entry.size for name, entry in manifest.files.items()}
        for name in sorted((there.keys() | wanted.keys()) - {MANIFEST}):
            if there.get(name) != wanted.get(name):
                raise TamperedReleaseError(
                    f"release {version}: {self.address}/{prefix}/{name}: expected {_bytes(wanted.get(name))}, "
                    f"found {_bytes(there.get(name))}; do not use it, and restore it"
                )
        with self._cache.scratch() as folder:
            files = {f"{prefix}/{name}": (folder / name, entry) for name, entry in manifest.files.items()}
            for path, _ in files.values():
                path.parent.mkdir(parents=True, exist_ok=True)
            for _ in self.get(files, progress):
                pass
            (folder / MANIFEST).write_bytes(data)
            yield folder, manifest.files.keys()

    def _explained(self, key: str) -> AbstractContextManager[None]:
        """As `S3Client.explained`, for the key of an object."""
        return self._client.explained(key[len(self._prefix) :])

    def _sent_hash(self, key: str) -> str | None:
        """Read the SHA-256 in an object's metadata. An object exists only if its content has this hash."""
        client = self._client.get()
        with self._client.explained(key):
            try:
                head = client.head_object(Bucket=self._bucket, Key=self._prefix + key)
            except client.exceptions.ClientError as error:
                if error_code(error) in ABSENT:
                    return None
                raise
        found: str | None = head["Metadata"].get(HASH_METADATA)
        return found


def _bytes(size: int | None) -> str:
    return "no file" if size is None else f"{size} bytes"


@contextlib.contextmanager
def _bar(what: str, total: int) -> Iterator[Progress]:
    """A progress bar on a terminal, nothing elsewhere."""
    from tqdm import tqdm

    with tqdm(total=total, desc=what, unit="B", unit_scale=True, unit_divisor=1024, disable=None) as bar:
        yield bar.update

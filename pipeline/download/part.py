"""An unfinished archive: a growing `.part`, a second file that describes the resource, and running hashes.

Both files are outside of every DVC output, so that a checkout of the archives does not remove them. A process may die
between any two lines: the `.part` is then a beginning of the archive, or the hashes show that it is not.
"""

import errno
import hashlib
import json
import logging
import os
import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from pipeline.corpora.sources import Source
from pipeline.download.answer import CHUNK, Answer, ChecksumError, DiskFullError, Have, StalePartError, TransientError

log = logging.getLogger(__name__)

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class _Sidecar(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    sha256: str
    total: int | None
    validator: str | None


class Part:
    """The beginning of one archive, kept across attempts and processes.

    Attributes:
        size: Bytes that have arrived.
        total: Length of the archive, where it is known.
    """

    def __init__(self, source: Source, scratch: Path) -> None:
        self._source = source
        self._path = scratch / f"{source.archive_name}.part"
        self._sidecar = scratch / f"{source.archive_name}.json"
        self.size = 0
        self.total: int | None = None
        self._validator: str | None = None
        self._digests = _digests()
        self._unsure = ""
        self._recall()

    @property
    def have(self) -> Have:
        """The state that a transport needs to continue."""
        return Have(self.size, self.total, self._validator)

    @property
    def complete(self) -> bool:
        """Whether all bytes of the archive have arrived."""
        return self.size > 0 and self.size == self.total

    def receive(self, answer: Answer) -> int:
        """Prepare for an answer's bytes: continue, or start again if the answer does.

        Returns: Number of earlier bytes that are kept.

        Raises:
            DiskFullError: If the rest can't fit.
        """
        if answer.start == 0:
            if self.size:
                log.warning("archive=%s starts again, dropped=%d", self._source.archive_name, self.size)
            self.discard()
        self.total = answer.total if answer.total is not None else self.total
        self._validator = answer.validator or self._validator
        self._path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._path.parent).free
        if self.total is not None and self.total - self.size > free:
            raise self._full(f"{self.total - self.size} bytes are to come, {free} are free")
        self._note()
        return self.size

    def append(self, chunk: bytes) -> None:
        """Append bytes.

        Raises:
            DiskFullError: If they can't be written. The earlier bytes stay.
            StalePartError: If there are more bytes than the server announced.
        """
        try:
            with self._path.open("ab", buffering=0) as file:
                view = memoryview(chunk)
                while view:
                    n_bytes = file.write(view)
                    for digest in self._digests:
                        digest.update(view[:n_bytes])
                    self.size += n_bytes
                    view = view[n_bytes:]
        except OSError as error:
            if error.errno in _FULL:
                raise self._full(str(error.strerror)) from None
            raise
        if self.total is not None and self.size > self.total:
            raise StalePartError(f"{self._source.public_url}: more came than the announced {self.total} bytes")

    def check(self, sure_end: bool) -> None:
        """Check that the file is the complete archive.

        Args:
            sure_end: Whether the last answer ended where the resource ends.

        Raises:
            TransientError: If it may be only the beginning.
            ChecksumError: If it is complete and has another hash.
        """
        url = self._source.public_url
        if self.total is not None and self.size < self.total:
            raise TransientError(f"{url}: the answer ended at byte {self.size} of {self.total}")
        md5, sha256 = (digest.hexdigest() for digest in self._digests)
        if sha256 == self._source.sha256 and self._source.md5 in (None, md5):
            return
        if self.total is None and not sure_end and self._unsure != sha256:
            self._unsure = sha256  # if the same bytes come again, they are the whole resource
            raise TransientError(f"{url}: the answer announced no length, ended at byte {self.size} and is not whole")
        if sha256 == self._source.sha256:
            found = f"SHA-256 is right, MD5 is {md5} and not {self._source.md5}; correct md5 in params.yaml"
        elif url.startswith("mini:"):
            found = (
                f"SHA-256 is {sha256} and not {self._source.sha256}: espeak-ng or the code that makes the corpus "
                "differs from what params.yaml was written with; install the locked versions, or correct sha256 there"
            )
        else:
            found = (
                f"{self.size} bytes, SHA-256 is {sha256} and not {self._source.sha256}; correct sha256 in params.yaml "
                "if the corpus was published anew, and do not use the file if not"
            )
        raise ChecksumError(f"{url}: {found}")

    def publish(self, destination: Path) -> None:
        """Give the checked archive its final name, in one step."""
        with self._path.open("rb") as file:
            os.fsync(file.fileno())
        try:
            self._path.replace(destination)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._carry_over(destination)
        _sync_folder(destination.parent)
        self.discard()

    def discard(self) -> None:
        """Remove the bytes that have arrived, and start again."""
        self._path.unlink(missing_ok=True)
        self._sidecar.unlink(missing_ok=True)
        self.size, self.total, self._validator = 0, None, None
        self._digests = _digests()

    def _recall(self) -> None:
        try:
            sidecar = _Sidecar.model_validate_json(self._sidecar.read_bytes())
            with self._path.open("rb") as file:
                if (sidecar.url, sidecar.sha256) != (self._source.public_url, self._source.sha256):
                    raise ValueError("the part is of another archive")
                while chunk := file.read(CHUNK):
                    self.size += len(chunk)
                    for digest in self._digests:
                        digest.update(chunk)
        except FileNotFoundError:
            self.discard()
        except ValueError as error:
            log.warning("archive=%s dropped what had arrived: %s", self._source.archive_name, type(error).__name__)
            self.discard()
        else:
            self.total, self._validator = sidecar.total, sidecar.validator

    def _note(self) -> None:
        note = {
            "url": self._source.public_url,
            "sha256": self._source.sha256,
            "total": self.total,
            "validator": self._validator,
        }
        new = self._sidecar.with_suffix(".json.new")
        try:
            new.write_text(json.dumps(note), encoding="utf-8")
            new.replace(self._sidecar)
        except OSError as error:
            if error.errno in _FULL:
                raise self._full(str(error.strerror)) from None
            raise

    def _carry_over(self, destination: Path) -> None:
        # The scratch folder is on another file system: copy under a name that the next run would remove.
        incoming = destination.with_name(f".{destination.name}.incoming")
        try:
            with self._path.open("rb") as file, incoming.open("wb") as copy:
                shutil.copyfileobj(file, copy, CHUNK)
                copy.flush()
                os.fsync(copy.fileno())
            incoming.replace(destination)
        except OSError as error:
            incoming.unlink(missing_ok=True)
            if error.errno in _FULL:
                raise self._full(str(error.strerror)) from None
            raise

    def _full(self, detail: str) -> DiskFullError:
        return DiskFullError(
            f"{self._source.public_url}: no room for {self._source.archive_name} ({detail}); {self.size} bytes are "
            f"kept in {self._path}: make room and run again, the download goes on from there"
        )


def _digests() -> "tuple[hashlib._Hash, hashlib._Hash]":
    return hashlib.md5(usedforsecurity=False), hashlib.sha256()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Checkpoints of a training, kept in the remote while it runs, so that another worker can go on from them.

The training writes them under `.checkpoints/` (pipeline/training/loop/checkpoints.py). A name holds the step and the
first digits of the SHA-256, and a file that does not fit its name is passed over when it is read. So a copy is only
ever whole or useless, and copying needs no lock.
"""

import hashlib
import logging
import os
import shutil
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from peewee_model.errors import PeeweeError

logger = logging.getLogger(__name__)

FOLDER = ".checkpoints"
PATTERN = "*-*.safetensors"


class Files(Protocol):
    """A place of big files, by keys with forward slashes."""

    def names(self, prefix: str) -> list[str]:
        """List the keys under a prefix, with it, however deep."""

    def upload(self, path: Path, key: str) -> None:
        """Copy a file there, whole or not at all."""

    def download(self, key: str, path: Path) -> None:
        """Copy a file here."""

    def delete(self, key: str) -> None:
        """Remove a file, if it is there."""


class FolderFiles:
    """Files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self, prefix: str) -> list[str]:
        """See `Files`."""
        found = (self._folder / prefix).rglob("*")
        return sorted(
            str(path.relative_to(self._folder)) for path in found if path.suffix != ".part" and path.is_file()
        )

    def upload(self, path: Path, key: str) -> None:
        """See `Files`."""
        target = self._folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f"{uuid.uuid4().hex}.part")
        try:
            shutil.copyfile(path, part)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)

    def download(self, key: str, path: Path) -> None:
        """See `Files`."""
        shutil.copyfile(self._folder / key, path)

    def delete(self, key: str) -> None:
        """See `Files`."""
        (self._folder / key).unlink(missing_ok=True)


class S3Files:
    """Files on an S3 server."""

    def __init__(self, address: str) -> None:
        from peewee_model.store.s3_connection.address import split_address
        from peewee_model.store.s3_connection.client import S3Client

        self._bucket, prefix = split_address(address)
        self._prefix = f"{prefix}/" if prefix else ""
        self._s3 = S3Client(address, self._bucket)

    def names(self, prefix: str) -> list[str]:
        """See `Files`."""
        client = self._s3.get()
        with self._s3.explained(prefix):
            pages = client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=f"{self._prefix}{prefix}/"
            )
            return sorted(item["Key"][len(self._prefix) :] for page in pages for item in page.get("Contents", []))

    def upload(self, path: Path, key: str) -> None:
        """See `Files`."""
        self._do("upload_file", key, str(path), self._bucket, self._prefix + key)

    def download(self, key: str, path: Path) -> None:
        """See `Files`."""
        self._do("download_file", key, self._bucket, self._prefix + key, str(path))

    def delete(self, key: str) -> None:
        """See `Files`."""
        client = self._s3.get()
        with self._s3.explained(key):
            client.delete_object(Bucket=self._bucket, Key=self._prefix + key)

    def _do(self, method: str, key: str, *arguments: Any) -> None:
        client = self._s3.get()
        with self._s3.explained(key):
            getattr(client, method)(*arguments)


def open_files(remote: str) -> Files:
    """Open the place of checkpoints; nothing is asked of a server yet."""
    return S3Files(remote) if remote.startswith("s3://") else FolderFiles(Path(remote))


class Mirror:
    """Keeps a copy of a stage's checkpoints.

    Args:
        files: Where.
        prefix: Under which key: `runs/<run>/checkpoints`.
        clone: The folder in which the stage runs.
        stage: Its name; its checkpoints are in `.checkpoints/<stage>/`.
        every_s: Seconds between two looks at what is new.
    """

    def __init__(self, files: Files, prefix: str, clone: Path, stage: str, every_s: float) -> None:
        self._files = files
        self._prefix = f"{prefix}/{stage}"
        self._folder = clone / FOLDER / stage
        self._every_s = every_s
        self._kept: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Bring back what is kept, and keep what is new: now and then, and at the end."""
        self.restore()
        ended = threading.Event()

        def work() -> None:
            while not ended.wait(self._every_s):
                self.update()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            self.update()

    def restore(self) -> int:
        """Copy here what is kept of the stage; what does not fit its name is left out.

        Returns:
            How many checkpoints there are to go on from.
        """
        for key in self._files.names(self._prefix):
            name = key[len(self._prefix) + 1 :]
            path = self._folder / name
            if not path.match(PATTERN) or ".." in Path(name).parts:
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            self._files.download(key, part)
            if _is_whole(part, path):
                part.replace(path)
                self._kept.add(name)
            else:
                part.unlink()
                logger.warning("checkpoint damaged, left out: key=%s", key)
        if self._kept:
            logger.info("checkpoints restored=%d", len(self._kept))
        return len(self._kept)

    def update(self) -> None:
        """Copy what is new, and remove what the training removed in favour of it.

        What can't be done is logged, and tried again: the training goes on all the same. A training that has ended
        removes everything, but its result is not stored yet: that is what `forget` is for.
        """
        try:
            names = {str(path.relative_to(self._folder)) for path in self._folder.rglob(PATTERN)}
            # Best weights first: a state that says which are best must find them.
            for name in sorted(names - self._kept, key=lambda name: ("best" not in name, name)):
                copy = self._folder / f"{uuid.uuid4().hex}.copy"
                try:
                    os.link(self._folder / name, copy)  # the training may remove it meanwhile
                    self._files.upload(copy, f"{self._prefix}/{name}")
                except FileNotFoundError:
                    continue
                finally:
                    copy.unlink(missing_ok=True)
                self._kept.add(name)
                logger.info("checkpoint kept=%s", name)
            for name in sorted(self._kept - names) if names else ():
                self._files.delete(f"{self._prefix}/{name}")
                self._kept.discard(name)
        except (PeeweeError, OSError) as error:
            logger.warning("checkpoints not kept, will try again: %s", error)

    def forget(self) -> None:
        """Remove all that is kept of a stage that is done."""
        for key in self._files.names(self._prefix):
            self._files.delete(key)


def _is_whole(path: Path, named: Path) -> bool:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16] == named.stem.split("-")[1]

"""Copies checkpoints of a running training to the remote, so that another worker can continue from them.

The training writes them under `.checkpoints/` (pipeline/training/loop/checkpoints.py). A name contains the step and the
first digits of the SHA-256, and readers skip a file that does not match its name. So an incomplete copy does no harm,
and copying needs no lock.
"""

import hashlib
import logging
import os
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee_model.errors import PeeweeError
from peewee_model.files import written_whole
from peewee_model.store.backend import Backend

logger = logging.getLogger(__name__)

FOLDER = ".checkpoints"
PATTERN = "*-*.safetensors"


class _DamagedError(PeeweeError):
    """A copy differs from the hash in its name."""


class Mirror:
    """Keeps a copy of a stage's checkpoints.

    Args:
        files: The storage.
        prefix: Prefix of the keys: `runs/<run>/checkpoints`.
        clone: The folder in which the stage runs.
        stage: Its name; its checkpoints are in `.checkpoints/<stage>/`.
        every_s: Seconds between two searches for new files.
    """

    def __init__(self, files: Backend, prefix: str, clone: Path, stage: str, every_s: float) -> None:
        self._files = files
        self._prefix = f"{prefix}/{stage}"
        self._folder = clone / FOLDER / stage
        self._every_s = every_s
        self._kept: set[str] = set()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Restore the kept checkpoints, and copy new ones at intervals and at the end."""
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
        """Copy the stage's kept checkpoints into the clone; a file that does not match its name is left out.

        Returns: Number of checkpoints that were restored.
        """
        for key in self._files.keys(self._prefix):
            name = key[len(self._prefix) + 1 :]
            path = self._folder / name
            if not path.match(PATTERN) or ".." in Path(name).parts:
                continue
            try:
                with written_whole(path) as part:
                    self._files.download(key, part)
                    _refuse_damaged(part, path)
            except _DamagedError:
                logger.warning("checkpoint damaged, left out: key=%s", key)
            else:
                self._kept.add(name)
        if self._kept:
            logger.info("checkpoints restored=%d", len(self._kept))
        return len(self._kept)

    def update(self) -> None:
        """Copy new checkpoints, and remove those that the training has replaced.

        An error is logged, and the copy is tried again later; the training continues. A training that has ended removes
        all its checkpoints, but its result is not stored yet. So the copies stay until `forget` is called.
        """
        try:
            names = {str(path.relative_to(self._folder)) for path in self._folder.rglob(PATTERN)}
            # Best weights first, because a state refers to the best weights.
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
        """Remove all copies of a stage that is done."""
        for key in self._files.keys(self._prefix):
            self._files.delete(key)


def _refuse_damaged(path: Path, named: Path) -> None:
    with path.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest()[:16] != named.stem.split("-")[1]:
            raise _DamagedError(f"{named} is not what its name says")

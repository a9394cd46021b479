"""Keeps in the remote what MLflow has not received yet, because a task's clone is removed at its end.

The next task of the run restores it, and its stage sends it. `pipeline.tracking.spool` describes the files.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from peewee_model.errors import PeeweeError
from peewee_model.files import written_whole
from peewee_model.store.backend import Backend
from pipeline.tracking.settings import TRACKING_URI
from pipeline.tracking.spool import EVENTS, FILES, ROOT, SENT, waiting

logger = logging.getLogger(__name__)


class Unsent:
    """The events of a run's stages that wait for MLflow.

    Args:
        files: The storage.
        prefix: Prefix of the keys: `runs/<run>/tracking`.
        project: The folder in which the stage runs.
    """

    def __init__(self, files: Backend, prefix: str, project: Path) -> None:
        self._files = files
        self._prefix = prefix
        self._root = project / ROOT

    @contextmanager
    def running(self) -> Iterator[None]:
        """Restore what waits, and keep what waits at the end. An error is logged; the stage runs all the same."""
        if not TRACKING_URI.is_set():
            yield
            return
        self._try(self._restore)
        try:
            yield
        finally:
            self._try(self._keep)

    def _try(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (PeeweeError, OSError) as error:
            logger.warning("what MLflow has not received is not kept: %s", error)

    def _restore(self) -> None:
        for key in self._files.keys(self._prefix):
            name = Path(key[len(self._prefix) + 1 :])
            if ".." not in name.parts:
                with written_whole(self._root / name) as part:
                    self._files.download(key, part)

    def _keep(self) -> None:
        """Sent spools are gone from the folder, and go from the remote; progress is written before events."""
        found = {
            f"{self._prefix}/{path.relative_to(self._root).as_posix()}": path
            for folder in waiting(self._root)
            for path in [folder / SENT, *sorted((folder / FILES).rglob("*")), folder / EVENTS]
            if path.is_file()
        }
        for key, path in found.items():
            self._files.upload(path, key)
        for key in self._files.keys(self._prefix):
            if key not in found:
                self._files.delete(key)

"""A folder for one task, which is gone after it; what a killed worker left behind, the next one removes."""

import contextlib
import fcntl
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

logger = logging.getLogger(__name__)

_PREFIX = "peewee-task-"
_LOCK = ".worker"


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Make a folder, and remove it afterwards."""
    parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "ready").touch()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        if not (folder / "ready").exists():  # being made, or of no size
            continue
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its worker lives
            shutil.rmtree(folder, ignore_errors=True)
            logger.info("removed what a killed worker left: %s", folder)

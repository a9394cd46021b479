"""A folder for one task, which is removed after it. The next worker removes the folders of killed workers."""

import contextlib
import fcntl
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from peewee_model import environment
from peewee_model.errors import ConfigError

logger = logging.getLogger(__name__)

_PREFIX = "peewee-task-"
_LOCK = ".worker"
_REMEDY = f"set {environment.SCRATCH.name} to a folder with room for a clone"


def scratch_parent() -> Path:
    """Name the folder in which a task may make its own.

    Raises:
        ConfigError: If none is named, and the system has no writable temporary folder.
    """
    try:
        return environment.SCRATCH.path() or Path(tempfile.gettempdir())
    except FileNotFoundError:
        raise ConfigError(f"there is no temporary folder with room; {_REMEDY}") from None


@contextlib.contextmanager
def scratch(parent: Path) -> Iterator[Path]:
    """Make a folder, and remove it afterwards.

    Args:
        parent: The folder in which it is made: `scratch_parent()`.

    Raises:
        ConfigError: If it can't be made; the variable that names another place is named.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(parent)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    except OSError as error:
        raise ConfigError(f"{parent} can't be written: {error.strerror}; {_REMEDY}") from None
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "ready").touch()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(parent: Path) -> None:
    for folder in parent.glob(f"{_PREFIX}*"):
        if not (folder / "ready").exists():  # it is just being created, or is empty
            continue
        with contextlib.suppress(OSError), (folder / _LOCK).open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its worker lives
            shutil.rmtree(folder, ignore_errors=True)
            logger.info("removed what a killed worker left: %s", folder)

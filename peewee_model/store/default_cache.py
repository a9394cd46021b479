"""The default folder of the cache: in the home folder, or in a temporary folder if the home folder is not writable."""

import logging
import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

from peewee_model import environment

logger = logging.getLogger(__name__)

NAME = "peewee-tts"
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - the folder in it is checked to be ours alone


@lru_cache(maxsize=1)
def default_folder() -> Path:
    """Find the folder, the same for a whole process.

    A cache folder that exists in the home folder is used even if it is not writable, because a container image may
    contain releases. This function creates nothing in the home folder.
    """
    home = environment.home_folder()
    if home is not None:
        folder = home / ".cache" / NAME
        if _is_folder(folder) or _can_be_made(folder):
            return folder
    folder = _temporary_folder()
    logger.warning(
        "%s: what is read from stores is kept in %s; set %s to a folder that stays",
        "there is no home folder" if home is None else f"the home folder {home} can't be written",
        folder,
        environment.CACHE.name,
    )
    return folder


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir raises where a folder above can't be looked into


def _can_be_made(folder: Path) -> bool:
    """Return whether a folder, with its parents, could be created."""
    there = next(parent for parent in folder.parents if os.path.lexists(parent))
    return _is_folder(there) and os.access(there, os.W_OK | os.X_OK)


def _temporary_folder() -> Path:
    """Create a folder for this user alone; later processes use the same one."""
    places = [place for place in (os.environ.get("TMPDIR"), *_TEMPORARY) if place and os.access(place, os.W_OK)]
    folder = Path(places[0] if places else _TEMPORARY[0], f"{NAME}-{os.getuid()}")
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
            return folder
        return Path(tempfile.mkdtemp(prefix=f"{NAME}-", dir=folder.parent))  # the name belongs to another user
    except OSError:
        return folder  # the code that writes there reports that it can't

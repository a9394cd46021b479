"""Copies a release into a folder of the user."""

import shutil
import uuid
from pathlib import Path

from peewee_model.errors import ReleaseError
from peewee_model.release.verification import verify_release


def require_empty(folder: Path) -> None:
    """Refuse a folder that can't be the target of a copy.

    Raises:
        ReleaseError: If something is there that is not an empty folder.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()) or (folder.is_dir() and any(folder.iterdir())):
        raise ReleaseError(f"{folder} is there and not an empty folder; name another with --to, or remove it")


def copy_release(source: Path, version: str, target: Path) -> None:
    """Copy a release's files; the folder gets its name when all of them are there and verified.

    Args:
        source: The release.
        version: Its version.
        target: New, or an empty folder.

    Raises:
        ReleaseError: If it can't be written.
        TamperedReleaseError: If the copy is not the release.
    """
    incoming = target.parent / f".{target.name}.{uuid.uuid4().hex}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            copy = incoming / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        verify_release(incoming, version)
        incoming.rename(target)  # replaces an empty folder
    except OSError as error:
        raise ReleaseError(
            f"{target} can't be written: {error.strerror}; make room, or name another with --to"
        ) from None
    finally:
        shutil.rmtree(incoming, ignore_errors=True)

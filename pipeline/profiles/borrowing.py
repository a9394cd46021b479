"""params.yaml with an overlay for as long as a block runs; then it is as it was, also if this process was killed."""

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee_model.errors import ConfigError
from peewee_model.files import write_whole
from pipeline.params.params import PARAMS_FILE
from pipeline.profiles.overlay import Accept, apply

logger = logging.getLogger(__name__)

FOLDER = Path(".scratch/overlaid")
BEFORE, DURING, EDITED = FOLDER / "before.yaml", FOLDER / "during.yaml", FOLDER / "before-edits.yaml"


@contextmanager
def overlaid(overlay: dict[str, Any], accept: Accept | None = None) -> Iterator[None]:
    """Merge an overlay into params.yaml while the block runs.

    The file of before is kept beside it. If this process is killed, the next call restores it first.

    Args:
        overlay: What to merge.
        accept: Called before params.yaml is changed; see `overlay.edit`.

    Raises:
        ConfigError: If another process does this now, or the overlay can't be used.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"another run has its own overlay in {PARAMS_FILE}; wait for its end") from None
        _restore()
        shutil.copyfile(PARAMS_FILE, DURING)
        apply(overlay, DURING, accept)
        write_whole(BEFORE, PARAMS_FILE.read_bytes(), durable=True)
        write_whole(PARAMS_FILE, DURING.read_bytes())
        try:
            yield
        finally:
            _restore()


def _restore() -> None:
    """Put the file of before back. A file that somebody edited meanwhile stays."""
    if not BEFORE.exists():
        return
    if PARAMS_FILE.read_bytes() in (DURING.read_bytes(), BEFORE.read_bytes()):
        write_whole(PARAMS_FILE, BEFORE.read_bytes(), durable=True)
        BEFORE.unlink()
    else:
        BEFORE.replace(EDITED)
        logger.warning("%s was edited during the run, and stays; the one before the run is %s", PARAMS_FILE, EDITED)

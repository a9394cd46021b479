"""Downloads the archives of params.yaml into one folder. An archive there is complete and has the right hash.

Unfinished archives are in a scratch folder (see part.py) until their hashes are right. They get their final name in one
step. A broken transfer continues where it stopped, in this process or in the next one.
"""

import fcntl
import hashlib
import itertools
import logging
import random
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from pipeline.corpora.sources import HEAD_BYTES, READ, Source, other_archive
from pipeline.download.answer import (
    Answer,
    ChecksumError,
    Have,
    Patience,
    RefusedError,
    StalePartError,
    TransientError,
    UnreachableError,
)
from pipeline.download.http import open_http
from pipeline.download.local import open_file, open_mini
from pipeline.download.part import Part
from pipeline.download.s3 import open_s3

log = logging.getLogger(__name__)

PATIENCE = Patience()
TRANSPORTS = {"http": open_http, "https": open_http, "s3": open_s3, "file": open_file, "mini": open_mini}
_LINE_EVERY_S = 30.0
_TALKATIVE = ("urllib3", "botocore", "boto3", "s3transfer")


def fetch_all(sources: Sequence[Source], folder: Path, scratch: Path, patience: Patience = PATIENCE) -> None:
    """Make the folder hold exactly the sources' archives.

    An archive in the folder with the right SHA-256 is not fetched again. All other files in the folder are removed.

    Args:
        sources: The archives; their names differ.
        folder: Holds finished archives only.
        scratch: Folder of unfinished archives; best on the same file system. It must not be inside `folder`.
        patience: Time-outs and attempts.

    Raises:
        DownloadError: Names the URL (without secrets), what happened, and the remedy.
    """
    names = {source.archive_name for source in sources}
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(scratch), _without_urls_in_logs():
        _remove_others(folder, names)
        _remove_others(scratch, {"lock", *(name + end for name in names for end in (".part", ".json"))})
        for source in sources:
            destination = folder / source.archive_name
            if _is_right(destination, source.sha256):
                log.info("archive=%s is there, sha256=%s", destination.name, source.sha256)
                continue
            _fetch(source, destination, scratch, patience)


def _fetch(source: Source, destination: Path, scratch: Path, patience: Patience) -> None:
    part = Part(source, scratch)
    longest, idle, wrong = part.size, 0, 0
    log.info("archive=%s url=%s arrived=%d", source.archive_name, source.public_url, part.size)
    for attempt in itertools.count(1):
        failure: TransientError
        try:
            _attempt(source, part, patience)
            part.publish(destination)
        except TransientError as error:
            failure = error
            if isinstance(error, StalePartError):
                part.discard()
        except ChecksumError as error:
            part.discard()
            wrong += 1
            if wrong == 2 or source.url.startswith("mini:"):
                raise
            failure = TransientError(str(error))  # a damaged archive: once more from the beginning
        else:
            log.info("archive=%s arrived, sha256=%s", destination.name, source.sha256)
            return
        idle = 0 if part.size > longest else idle + 1
        longest = max(longest, part.size)
        _wait_or_give_up(source, patience, attempt, idle, failure)


def _attempt(source: Source, part: Part, patience: Patience) -> None:
    sure_end = True
    if not part.complete:  # otherwise a process died between the last byte and the rename
        with _opened(source.url, part.have, patience) as answer:
            sure_end = answer.sure_end
            kept = part.receive(answer)
            for chunk in _shown(source.archive_name, kept, part.total, answer.chunks):
                if part.size == 0 and source.piece in (None, 1) and (kind := other_archive(chunk[:HEAD_BYTES])):
                    raise RefusedError(f"{source.public_url} is {kind}; {READ}: name another archive in corpus.sources")
                part.append(chunk)
    part.check(sure_end)


@contextmanager
def _opened(url: str, have: Have, patience: Patience) -> Iterator[Answer]:
    answer = TRANSPORTS[url.partition(":")[0]](url, have, patience)
    try:
        yield answer
    finally:
        answer.close()


def _wait_or_give_up(source: Source, patience: Patience, attempt: int, idle: int, failure: TransientError) -> None:
    if idle >= patience.attempts_without_progress or attempt >= patience.attempts:
        raise UnreachableError(
            f"{failure}; given up after {attempt} attempts, the last {idle} without progress; check the network and "
            "the URL, then run again: what has arrived is kept"
        ) from failure
    if failure.retry_after_s > patience.longest_retry_after_s:
        raise UnreachableError(
            f"{failure}; the server asks to be left alone for {failure.retry_after_s:.0f} s; run again after that"
        ) from failure
    wait = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** min(idle, 30)) * random.uniform(0.5, 1.0)
    wait = max(wait, failure.retry_after_s)
    log.warning("archive=%s attempt=%d failed, next_in_s=%.1f: %s", source.archive_name, attempt, wait, failure)
    patience.sleep(wait)


def _is_right(path: Path, sha256: str) -> bool:
    if not path.exists():
        path.unlink(missing_ok=True)  # a dangling link
        return False
    if path.is_file():
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == sha256:
            return True
        log.warning("archive=%s is removed: its sha256=%s, params.yaml has %s", path.name, found, sha256)
    _remove(path)
    return False


def _remove_others(folder: Path, names: set[str]) -> None:
    for path in sorted(folder.iterdir()):
        if path.name not in names:
            log.warning("file=%s is removed: corpus.sources in params.yaml does not name it", path)
            _remove(path)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def _alone(scratch: Path) -> Iterator[None]:
    scratch.mkdir(parents=True, exist_ok=True)
    with (scratch / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("another download runs in %s, waiting for its end", scratch)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _without_urls_in_logs() -> Iterator[None]:
    # At DEBUG and WARNING these log requests with their query, which contains a presigned URL's signature.
    before = {name: logging.getLogger(name).level for name in _TALKATIVE}
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def _shown(name: str, kept: int, total: int | None, chunks: Iterator[bytes]) -> Iterator[bytes]:
    arrived, said_at = kept, time.monotonic()
    terminal = sys.stderr.isatty()
    with tqdm(total=total, initial=kept, desc=name, unit="B", unit_scale=True, disable=not terminal) as bar:
        for chunk in chunks:
            yield chunk
            arrived += len(chunk)
            bar.update(len(chunk))
            if not terminal and time.monotonic() - said_at > _LINE_EVERY_S:
                said_at = time.monotonic()
                log.info("archive=%s arrived=%d total=%s", name, arrived, total)

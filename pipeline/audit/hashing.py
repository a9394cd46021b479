"""Hashes many files at the same time, each once. The results come in the order of the requests.

Modification times are not used.
"""

import hashlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from peewee_model.release.manifest import FileEntry
from pipeline.audit.finding import Finding, Report

BLOCK = 1 << 20
AHEAD = 4  # files that are hashed in advance, for each thread


@dataclass(frozen=True)
class Digests:
    """Both hashes of a file: SHA-256, which is safe against collisions, and MD5, which DVC records."""

    entry: FileEntry
    md5: str


Source = Path | Callable[[], Iterator[bytes]]
"""A local file, or a function that reads a remote one and raises FileNotFoundError if it does not exist."""


@dataclass(frozen=True)
class Job:
    """One file to hash, and a function that compares the hashes."""

    place: str
    source: Source | None
    """None if there is no file to hash; `conclude` is called all the same."""
    conclude: Callable[[Digests | None], Iterable[Finding]]
    """Receives the hashes, or None if the file does not exist."""


Item = Job | Finding


class Hasher:
    """Hashes in several threads: hashlib releases the interpreter's lock.

    Args:
        report: Receives the counts of files and bytes.
        progress: Receives the number of bytes of each block.
    """

    def __init__(self, report: Report, progress: Callable[[int], object] = bool) -> None:
        self._report = report
        self._progress = progress
        self._known: dict[tuple[int, int], Future[Digests | None]] = {}
        self._counting = threading.Lock()
        self._threads = max(2, os.cpu_count() or 1)

    def run(self, items: Iterable[Item]) -> Iterator[Finding]:
        """Process items in order; several are hashed in advance."""
        pool = ThreadPoolExecutor(self._threads)
        waiting: deque[tuple[Item, Future[Digests | None] | None]] = deque()
        try:
            for item in items:
                future = None
                if isinstance(item, Job) and item.source is not None:
                    future = self._submit(pool, item.place, item.source)
                waiting.append((item, future))
                while len(waiting) > AHEAD * self._threads:
                    yield from self._conclude(*waiting.popleft())
            while waiting:
                yield from self._conclude(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, place: str, source: Source) -> Future[Digests | None]:
        """Start to hash a file. A file with several names (hard links into DVC's cache) is hashed once."""
        if not isinstance(source, Path):
            return pool.submit(self.digest, place, source)
        try:
            status = source.stat()
        except OSError:
            return pool.submit(lambda: None)
        key = (status.st_dev, status.st_ino)
        if key not in self._known:
            self._known[key] = pool.submit(self.digest, place, source)
        return self._known[key]

    @staticmethod
    def _conclude(item: Item, future: Future[Digests | None] | None) -> Iterable[Finding]:
        if isinstance(item, Finding):
            return [item]
        return item.conclude(future.result() if future else None)

    def digest(self, place: str, source: Source) -> Digests | None:
        """Hash one file now; None if it does not exist."""
        sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
        try:
            for block in _read(source) if isinstance(source, Path) else source():
                sha256.update(block)
                md5.update(block)
                size += len(block)
                self._progress(len(block))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        with self._counting:
            self._report.n_files[place] += 1
            self._report.n_bytes += size
        return Digests(FileEntry(sha256=sha256.hexdigest(), size=size), md5.hexdigest())


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            yield block

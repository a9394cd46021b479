"""What every transport answers with, what it raises, and how long it waits.

A transport is a function `(url, have, patience) -> Answer` that says what it knows of the resource, so that download.py
can tell whether the answer continues what has arrived. It retries nothing and writes nothing.

DownloadError              an archive can't be had; final
├── RefusedError               the server, the file system or the command says no, and would say it again
├── WebPageError               the server answered a web page in place of the archive
├── ChecksumError              the archive arrived whole, twice, and is not the one that params.yaml names
├── DiskFullError              no room; what has arrived is kept
├── UnreachableError           given up after the attempts that Patience allows
└── TransientError             this attempt failed, another may succeed: download.py tries again
    └── StalePartError         and what has arrived so far is of no use
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from peewee_model.errors import PeeweeError
from peewee_model.public_text import masked

CHUNK = 1 << 18
SLOWEST_BYTES = 1 << 14
"""Fewer bytes than this within `Patience.stall_s` count as none."""
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Status codes that another attempt may not meet."""


class DownloadError(PeeweeError):
    """An archive can't be had."""


class RefusedError(DownloadError):
    """A no that would be said again: not found, not allowed, not understood."""


class WebPageError(DownloadError):
    """A web page came in place of the archive."""


class ChecksumError(DownloadError):
    """The whole archive is not the one that params.yaml names."""


class DiskFullError(DownloadError):
    """No room for the archive."""


class UnreachableError(DownloadError):
    """Given up."""


class TransientError(DownloadError):
    """This attempt failed, another may succeed.

    Attributes:
        retry_after_s: How long the server asks to be left alone.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StalePartError(TransientError):
    """What has arrived so far is no beginning of what the server has now."""


@dataclass(frozen=True)
class Patience:
    """How long a download goes on. Changes no result, so it is not in params.yaml."""

    attempts: int = 500
    attempts_without_progress: int = 7
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    longest_retry_after_s: float = 900.0
    connect_s: float = 15.0
    stall_s: float = 60.0
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Have:
    """What has arrived before, for a transport to continue: its length and whose beginning it is."""

    size: int = 0
    total: int | None = None
    validator: str | None = None


@dataclass(frozen=True)
class Answer:
    """A resource from an offset on.

    Attributes:
        start: Offset of the first byte of `chunks`: `Have.size`, or 0 where the server starts again.
        total: Length of the whole resource, if the server says it.
        validator: What changes when the resource changes (an ETag, a date), if the server says it.
        chunks: The bytes. Raises DownloadError.
        close: Lets go of the connection, file or process.
        sure_end: Whether the end of `chunks` is surely the end of the resource. An HTTP body without length or chunks
            ends alike when it is complete and when the connection breaks.
    """

    start: int
    total: int | None
    validator: str | None
    chunks: Iterator[bytes]
    close: Callable[[], object] = bool
    sure_end: bool = True


def lively(url: str, read: Callable[[], bytes], patience: Patience) -> Iterator[bytes]:
    """Read to the end, unless next to nothing comes any more.

    Raises:
        TransientError: If fewer than SLOWEST_BYTES came within `patience.stall_s`.
    """
    since, n_bytes = time.monotonic(), 0
    while data := read():
        yield data
        n_bytes += len(data)
        if n_bytes >= SLOWEST_BYTES:
            since, n_bytes = time.monotonic(), 0
        elif time.monotonic() - since > patience.stall_s:
            raise TransientError(f"{masked(url)}: stalled, {n_bytes} bytes in {patience.stall_s:g} s")


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what it wraps, down to the first cause."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        wrapped = [getattr(inner, "reason", None), *inner.args, inner.__cause__, inner.__context__]
        inner = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)


def kind(error: BaseException) -> str:
    """What may be said of a network error. Their own texts quote URLs, and with them tokens and signatures."""
    chain = list(causes(error))
    said = next((c.strerror for c in chain if isinstance(c, OSError) and c.errno and c.strerror), None)
    return f"{type(chain[0]).__name__} ({said or type(chain[-1]).__name__})"

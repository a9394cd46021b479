"""The interface of a transport: its answer, its errors, and its time limits.

A transport is a function `(url, have, patience) -> Answer`. The answer describes the resource, so that fetch.py can
check whether it continues the bytes that have arrived. A transport does not retry and writes no files.

DownloadError              an archive can't be downloaded; final
├── RefusedError               the server, the file system or the command refuses, and would refuse again
├── WebPageError               the server answered a web page in place of the archive
├── ChecksumError              the archive arrived completely, twice, and is not the one that params.yaml names
├── DiskFullError              the disk is full; the bytes that have arrived are kept
├── UnreachableError           given up after the attempts that Patience allows
└── TransientError             this attempt failed, another may succeed: fetch.py tries again
    └── StalePartError         and the bytes that have arrived are useless
"""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from peewee_model.errors import PeeweeError
from peewee_model.public_text import masked

CHUNK = 1 << 18
SLOWEST_BYTES = 1 << 14
"""Fewer bytes than this within `Patience.stall_s` count as no progress."""
CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
TRY_AGAIN = {408, 425, 429, 500, 502, 503, 504}
"""Status codes after which another attempt may succeed."""


class DownloadError(PeeweeError):
    """An archive can't be downloaded."""


class RefusedError(DownloadError):
    """A refusal that another attempt would get too: not found, not allowed, not understood."""


class WebPageError(DownloadError):
    """A web page came in place of the archive."""


class ChecksumError(DownloadError):
    """The complete archive is not the one that params.yaml names."""


class DiskFullError(DownloadError):
    """The disk has no room for the archive."""


class UnreachableError(DownloadError):
    """The download was given up after several attempts."""


class TransientError(DownloadError):
    """This attempt failed, another may succeed.

    Attributes:
        retry_after_s: Seconds that the server asks clients to wait.
    """

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StalePartError(TransientError):
    """The bytes that have arrived are not the beginning of the server's present file."""


@dataclass(frozen=True)
class Patience:
    """Time limits and attempts of a download. They change no result, so they are not in params.yaml."""

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
    """The bytes that have arrived before, for a transport to continue: their number, and of which resource they are."""

    size: int = 0
    total: int | None = None
    validator: str | None = None


@dataclass(frozen=True)
class Answer:
    """A resource, read from an offset.

    Attributes:
        start: Offset of the first byte of `chunks`: `Have.size`, or 0 if the server starts again.
        total: Length of the whole resource, if the server gives it.
        validator: A value that changes when the resource changes (an ETag, a date), if the server gives it.
        chunks: The bytes. Raises DownloadError.
        close: Closes the connection, file or process.
        sure_end: Whether the end of `chunks` is certainly the end of the resource. An HTTP body without length or
            chunks ends in the same way when it is complete and when the connection breaks.
    """

    start: int
    total: int | None
    validator: str | None
    chunks: Iterator[bytes]
    close: Callable[[], object] = bool
    sure_end: bool = True


def lively(url: str, read: Callable[[], bytes], patience: Patience) -> Iterator[bytes]:
    """Yield chunks to the end; raise if almost nothing arrives any more.

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
    """Return an error and its causes, down to the first one."""
    inner: BaseException | None = error
    while inner is not None:
        yield inner
        wrapped = [getattr(inner, "reason", None), *inner.args, inner.__cause__, inner.__context__]
        inner = next((cause for cause in wrapped if isinstance(cause, BaseException)), None)


def kind(error: BaseException) -> str:
    """Return a safe text for a network error. Its own text may contain URLs with tokens and signatures."""
    chain = list(causes(error))
    said = next((c.strerror for c in chain if isinstance(c, OSError) and c.errno and c.strerror), None)
    return f"{type(chain[0]).__name__} ({said or type(chain[-1]).__name__})"

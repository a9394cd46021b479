"""Lists the releases of a store, a page at a time, without reading the whole of a long history.

For a page of N releases, an S3 server receives these requests, many at once:

    one for each 1,000 releases, for each 1,000 entries of channels and for each 1,000 signatures: three listings two
    for each channel: its newest entry, and a check whether there is a newer one N in most stores, at most 8 N and a
    few: older entries, until N releases of the page are known

The caller that shows the page then reads N manifests.
"""

import heapq
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from peewee_model.errors import TamperedReleaseError
from peewee_model.release.manifest import VERSION_PATTERN
from peewee_model.store.backend import Backend
from peewee_model.store.channels import READERS, ChannelEntry, Channels
from peewee_model.store.signatures import Signatures

ENTRIES_A_RELEASE = 8
"""At most so many entries are read for each release of a page; then the page stays shorter."""


@dataclass(frozen=True)
class Listed:
    """A release in the list: what the store knows of it besides its files."""

    version: str
    channels: tuple[str, ...] = ()
    """The channels that point to it now."""
    published: str | None = None
    """When it was last published; if it was only promoted, when a channel first pointed to it. UTC, ISO 8601."""
    signed_by: tuple[str, ...] = ()
    """Ids of keys. The signatures are not checked."""


@dataclass(frozen=True)
class Page:
    """Some of a store's releases."""

    releases: tuple[Listed, ...]
    """The newest last."""
    n_older: int
    """Number of further releases, which are not on this page."""
    problems: tuple[str, ...]
    """A line for each channel whose log can't be read."""


@dataclass
class _Reading:
    """What has been read of the logs so far."""

    now: dict[str, str] = field(default_factory=dict)
    """Channel to version."""
    published: dict[str, str] = field(default_factory=dict)
    first_meant: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    n_entries: int = 0
    complete: bool = True
    """Whether the logs were read to their beginning."""

    def add(self, entry: ChannelEntry) -> None:
        """Add an entry that is older than all entries before."""
        self.n_entries += 1
        self.first_meant[entry.version] = entry.at
        if entry.action == "publish":
            self.published.setdefault(entry.version, entry.at)

    def when(self, version: str) -> str | None:
        """Return when a release was published; None if that is not known."""
        return self.published.get(version) or (self.first_meant.get(version) if self.complete else None)

    def is_enough(self, versions: set[str], limit: int) -> bool:
        """Return whether enough was read to show a page."""
        found = versions & self.published.keys()
        enough = len(found) >= limit and versions & set(self.now.values()) <= found
        return enough or self.n_entries >= ENTRIES_A_RELEASE * limit


class Catalogue:
    """The list of a store's releases.

    Args:
        backend: The store's storage.
        channels: Its channels.
        signatures: Its signatures.
    """

    def __init__(self, backend: Backend, channels: Channels, signatures: Signatures) -> None:
        self._backend = backend
        self._channels = channels
        self._signatures = signatures

    def page(self, limit: int | None = None) -> Page:
        """List the newest releases, and the releases that channels point to now.

        Args:
            limit: How many of the newest; None for all.
        """
        with ThreadPoolExecutor(READERS) as pool:
            listing = pool.submit(self._backend.names, "releases")
            signing = pool.submit(self._signatures.signers)
            reading = _Reading()
            entries = self._newest_first(reading, pool)
            versions = {name for name in listing.result() if VERSION_PATTERN.fullmatch(name)}
            for entry in entries:
                reading.add(entry)
                if limit is not None and reading.is_enough(versions, limit):
                    reading.complete = False
                    break
            signers = signing.result()
        in_order = sorted(versions, key=lambda version: (reading.when(version) or "", version))
        known = [version for version in in_order if reading.complete or reading.when(version)]
        newest = {*(known if limit is None else known[-limit:]), *reading.now.values()}
        shown = [version for version in in_order if version in newest]
        releases = tuple(
            Listed(
                version,
                tuple(sorted(channel for channel, current in reading.now.items() if current == version)),
                reading.when(version),
                tuple(sorted(signers.get(version, ()))),
            )
            for version in shown
        )
        return Page(releases, len(versions) - len(shown), tuple(reading.problems))

    def find(self, version: str) -> tuple[Listed, tuple[str, ...]]:
        """Return the list's entry of one release, and a line for each log that can't be read."""
        with ThreadPoolExecutor(READERS) as pool:
            reading = _Reading()
            for entry in self._newest_first(reading, pool):
                reading.add(entry)
                if version in reading.published:
                    break
        channels = tuple(sorted(channel for channel, current in reading.now.items() if current == version))
        signers = tuple(self._signatures.key_ids(version))
        return Listed(version, channels, reading.when(version), signers), tuple(reading.problems)

    def _newest_first(self, reading: _Reading, pool: ThreadPoolExecutor) -> Iterator[ChannelEntry]:
        """Yield the entries of all channels, the newest first; entries are read as they are needed."""
        numbers = self._channels.logs()
        logs = {channel: self._log(channel, found, reading) for channel, found in numbers.items()}
        heads = dict(zip(logs, pool.map(lambda log: next(log, None), logs.values()), strict=True))
        reading.now |= {channel: head.version for channel, head in heads.items() if head}

        def whole(channel: str) -> Iterator[ChannelEntry]:
            if head := heads[channel]:
                yield head
                yield from logs[channel]

        return heapq.merge(*map(whole, logs), key=lambda entry: entry.at, reverse=True)

    def _log(self, channel: str, numbers: list[int], reading: _Reading) -> Iterator[ChannelEntry]:
        """Yield a channel's entries, the newest first, up to an unreadable one, which is noted in `problems`."""
        try:
            for numbered in self._channels.newest_first(channel, numbers):
                yield numbered.entry
        except TamperedReleaseError as error:
            reading.problems.append(str(error))

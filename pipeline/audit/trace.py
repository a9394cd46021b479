"""Finds the releases that contain a speaker or an utterance. It reads the store alone.

A release whose training started from another release's weights also learned from that release's data. The answer
includes this.
"""

import json
from collections import defaultdict
from dataclasses import dataclass, replace

import pyarrow as pa

from peewee_model.errors import ReleaseError, TamperedReleaseError
from peewee_model.release.manifest import ParentEntry
from peewee_model.store.store import Store
from pipeline.audit.dataset import features_version, fetch_utterances, read_utterances
from pipeline.corpora.exclusions import EXCLUSIONS_FILE, Kind


@dataclass(frozen=True)
class Share:
    """The number of utterances of a speaker, or of one utterance, in a split of a release."""

    split: str
    n_utterances: int
    duration_s: float


@dataclass(frozen=True)
class Span:
    """A time in which a channel pointed to a release."""

    channel: str
    number: int
    """Number of the entry that began it."""
    since: str
    until: str | None
    """None if the channel still points to it."""


@dataclass(frozen=True)
class Heritage:
    """A speaker or utterance in a release that the training started from, directly or not."""

    version: str
    store: str
    """The store that it was read from."""
    shares: tuple[Share, ...]
    """Empty if its own data does not contain the speaker or utterance."""
    unknown: str | None
    """Why it is not known; None if it is."""


@dataclass(frozen=True)
class Appearance:
    """A speaker or utterance in one release."""

    version: str
    features: str | None
    """Version of its features; None if it is not known."""
    shares: tuple[Share, ...]
    """Empty if the release's data does not contain the speaker or utterance."""
    excluded: bool
    """Whether the release's list of exclusions names it."""
    channels: tuple[Span, ...]
    unknown: str | None = None
    """Why it is not known; None if it is."""
    heritage: tuple[Heritage, ...] = ()
    """The releases that its training started from, the nearest first."""

    @property
    def inherits(self) -> bool:
        """Whether a release that its training started from contains the speaker or utterance."""
        return any(release.shares for release in self.heritage)

    @property
    def gap(self) -> str | None:
        """Why the answer is incomplete; None if it is complete."""
        return self.unknown or next((release.unknown for release in self.heritage if release.unknown), None)

    @property
    def channels_now(self) -> list[str]:
        """Channels that point to the release now."""
        return [span.channel for span in self.channels if span.until is None]


@dataclass(frozen=True)
class Answer:
    """What all releases of a store have to do with a speaker or utterance."""

    appearances: tuple[Appearance, ...]
    """One a release, also of those that do not hold it."""
    damaged: tuple[str, ...]
    """Channels whose history can't be read, and why: the appearances are without their spans."""


def trace(store: Store, kind: Kind, identifier: str) -> Answer:
    """Look for a speaker or utterance in the data of every release of a store.

    The table of each features version is read once, and only the columns and row groups that are needed.

    Args:
        store: Where.
        kind: Of the identifier.
        identifier: As in the tables: `libritts_84`.
    """
    spans, damaged = channel_spans(store)
    shares: dict[str, tuple[Share, ...] | ReleaseError] = {}
    found: list[Appearance] = []
    parents: dict[str, ParentEntry | None] = {}
    for version in store.versions():
        mine = tuple(spans.get(version, ()))
        features: str | None = None
        try:
            parents[version] = store.read_manifest(version).parent
            features = features_version(store, version)
            if features not in shares:
                shares[features] = _shares(store, features, kind, identifier)
            answer = shares[features]
            if isinstance(answer, ReleaseError):
                raise answer
            excluded = identifier in _exclusions(store, version, kind)
        except ReleaseError as error:
            found.append(Appearance(version, features, (), False, mine, unknown=str(error)))
        else:
            found.append(Appearance(version, features, answer, excluded, mine))
    own = {appearance.version: appearance for appearance in found}
    whole = [replace(appearance, heritage=_heritage(parents.get(appearance.version), own)) for appearance in found]
    return Answer(tuple(whole), damaged)


def _heritage(parent: ParentEntry | None, own: dict[str, Appearance]) -> tuple[Heritage, ...]:
    found = []
    for release in parent.line if parent else ():
        there = own.get(release.version)
        if there is None:
            problem = f"release {release.version}, which it came from, is not here; search {release.store} too"
            found.append(Heritage(release.version, release.store, (), problem))
        else:
            found.append(Heritage(release.version, release.store, there.shares, there.unknown))
    return tuple(found)


def channel_spans(store: Store) -> tuple[dict[str, list[Span]], tuple[str, ...]]:
    """Return the times in which channels pointed to each version, and what is wrong with channels that are damaged."""
    spans: dict[str, list[Span]] = defaultdict(list)
    damaged = []
    for channel in store.channels():
        try:
            history = store.history(channel)
        except TamperedReleaseError as error:
            damaged.append(str(error))
            continue
        ends: list[str | None] = [later.entry.at for later in history[1:]]
        for numbered, until in zip(history, [*ends, None], strict=True):
            spans[numbered.entry.version].append(Span(channel, numbered.number, numbered.entry.at, until))
    return spans, tuple(damaged)


def _shares(store: Store, features: str, kind: Kind, identifier: str) -> tuple[Share, ...] | ReleaseError:
    try:
        path = fetch_utterances(store, features)
    except ReleaseError as error:
        return error
    rows = read_utterances(path, ["split", "duration_s"], **{f"{kind}_id": identifier})
    return _by_split(rows)


def _by_split(rows: pa.Table) -> tuple[Share, ...]:
    counted = rows.group_by("split").aggregate([("duration_s", "count"), ("duration_s", "sum")]).sort_by("split")
    return tuple(
        Share(row["split"], row["duration_s_count"], round(row["duration_s_sum"], 3)) for row in counted.to_pylist()
    )


def _exclusions(store: Store, version: str, kind: Kind) -> list[str]:
    if EXCLUSIONS_FILE not in store.read_manifest(version).files:
        return []
    document = json.loads(store.read_file(version, EXCLUSIONS_FILE))
    return list(document.get(f"{kind}s", []))

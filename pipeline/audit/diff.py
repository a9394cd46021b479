"""What differs between two releases: their data, parameters, code and figures."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from peewee_model.errors import ReleaseError
from peewee_model.release.manifest import Manifest
from peewee_model.store.store import Store
from pipeline.audit.dataset import features_version, fetch_utterances, read_utterances
from pipeline.release.provenance import PROVENANCE, read_provenance

ASPECTS = {
    "audio": "audio_sha256",
    "text": "text",
    "spoken_text": "normalized_text",
    "speaker": "speaker_id",
    "split": "split",
}
"""The aspects in which an utterance can differ, and the column of each."""


@dataclass(frozen=True)
class Change:
    """One value that differs; None on the side that does not have it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True)
class SplitSize:
    """The size of a split, before and after."""

    split: str
    n_utterances: tuple[int, int]
    n_speakers: tuple[int, int]
    hours: tuple[float, float]


@dataclass(frozen=True)
class DataDifference:
    """What differs between two tables of utterances."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, tuple[str, ...]]
    """By aspect: `audio` by the hash of its samples, `text` as the corpus gives it, ..."""
    speakers_added: tuple[str, ...]
    speakers_removed: tuple[str, ...]
    splits: tuple[SplitSize, ...]


@dataclass(frozen=True)
class Difference:
    """What differs between two releases."""

    before: str
    after: str
    data: DataDifference | None
    """None if a release's table can't be read; `unknown` says why."""
    unknown: str | None
    code: tuple[Change, ...]
    dependencies: tuple[Change, ...]
    """Archives, commit and lock file, by hash, as the provenance of the releases names them."""
    params: tuple[Change, ...]
    metrics: tuple[Change, ...]
    stages: tuple[str, ...]
    """Stages whose products differ."""
    files: tuple[Change, ...]
    """Files of the release, by SHA-256."""


def compare(store: Store, before: str, after: str) -> Difference:
    """Compare two releases of a store.

    Args:
        store: The store of both releases.
        before: A channel or version.
        after: Another channel or version.

    Raises:
        ReleaseNotFoundError: If one of them does not exist.
        TamperedReleaseError: If a file that is read differs from its manifest.
    """
    versions = store.resolve(before), store.resolve(after)
    first, second = (store.read_manifest(version) for version in versions)
    data, unknown = None, None
    try:
        paths = [fetch_utterances(store, features_version(store, version)) for version in versions]
        data = compare_data(*paths)
    except ReleaseError as error:
        unknown = str(error)
    return Difference(
        *versions,
        data=data,
        unknown=unknown,
        code=changes(_code(first), _code(second)),
        dependencies=changes(*(_dependencies(store, version) for version in versions)),
        params=changes(flatten(first.params), flatten(second.params)),
        metrics=changes(flatten(first.metrics), flatten(second.metrics)),
        stages=_stages(first, second),
        files=changes(_hashes(first), _hashes(second)),
    )


def compare_data(before: Path, after: Path) -> DataDifference:
    """Compare two tables of utterances, a column at a time."""
    old, new = (read_utterances(path, ["utterance_id"])["utterance_id"] for path in (before, after))
    place = pc.index_in(old, value_set=new)
    stays = pc.is_valid(place)
    place, kept = place.filter(stays), old.filter(stays)
    changed = {
        aspect: _names(kept.filter(_differs(before, after, column, stays, place))) for aspect, column in ASPECTS.items()
    }
    speakers = [set(_speakers(path)) for path in (before, after)]
    return DataDifference(
        added=_names(new.filter(pc.invert(pc.is_in(new, value_set=old)))),
        removed=_names(old.filter(pc.invert(stays))),
        changed=changed,
        speakers_added=tuple(sorted(speakers[1] - speakers[0])),
        speakers_removed=tuple(sorted(speakers[0] - speakers[1])),
        splits=_splits(before, after),
    )


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """List the keys whose values differ, in alphabetical order."""
    keys = sorted(before.keys() | after.keys())
    return tuple(Change(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key))


def flatten(document: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dots in its keys. A list of mappings counts as one, with numbers as keys."""
    if isinstance(document, Mapping):
        items: Iterable[tuple[str, Any]] = ((str(key), value) for key, value in document.items())
    elif isinstance(document, list) and any(isinstance(item, Mapping) for item in document):
        items = ((str(index), value) for index, value in enumerate(document))
    else:
        return {prefix: document}
    flat: dict[str, Any] = {}
    for key, value in items:
        flat |= flatten(value, f"{prefix}.{key}" if prefix else key)
    return flat


def _differs(before: Path, after: Path, column: str, stays: Any, place: Any) -> Any:
    """Return, for each utterance of both tables, in the order of the first, whether the column differs."""
    old = read_utterances(before, [column])[column].filter(stays)
    new = read_utterances(after, [column])[column].take(place)
    return pc.fill_null(pc.not_equal(old, new), True)


def _names(column: pa.ChunkedArray) -> tuple[str, ...]:
    return tuple(sorted(column.to_pylist()))


def _speakers(path: Path) -> list[str]:
    names: list[str] = read_utterances(path, ["speaker_id"])["speaker_id"].unique().to_pylist()
    return names


def _splits(before: Path, after: Path) -> tuple[SplitSize, ...]:
    sizes = [_sizes(path) for path in (before, after)]
    none = (0, 0, 0.0)
    return tuple(
        SplitSize(split, *zip(*(size.get(split, none) for size in sizes), strict=True))
        for split in sorted(sizes[0].keys() | sizes[1].keys())
    )


def _sizes(path: Path) -> dict[str, tuple[int, int, float]]:
    rows = read_utterances(path, ["split", "speaker_id", "duration_s"])
    counted = rows.group_by("split").aggregate(
        [("duration_s", "count"), ("speaker_id", "count_distinct"), ("duration_s", "sum")]
    )
    return {
        row["split"]: (row["duration_s_count"], row["speaker_id_count_distinct"], row["duration_s_sum"] / 3600)
        for row in counted.to_pylist()
    }


def _code(manifest: Manifest) -> dict[str, Any]:
    return {"commit": manifest.code.commit, "modified": ", ".join(manifest.code.modified) or None}


def _stages(first: Manifest, second: Manifest) -> tuple[str, ...]:
    names = sorted(first.lineage.keys() | second.lineage.keys())
    made = [
        {name: {edge.path: edge.hash for edge in entry.outs} for name, entry in manifest.lineage.items()}
        for manifest in (first, second)
    ]
    return tuple(name for name in names if made[0].get(name) != made[1].get(name))


def _hashes(manifest: Manifest) -> dict[str, str]:
    return {name: entry.sha256 for name, entry in manifest.files.items()}


def _dependencies(store: Store, version: str) -> dict[str, str]:
    """Return what a release was made from, by its provenance, with digests; empty for an old release."""
    if PROVENANCE not in store.read_manifest(version).files:
        return {}
    found = read_provenance(store.read_file(version, PROVENANCE)).dependencies
    return {
        name: " ".join(f"{algorithm}:{value}" for algorithm, value in sorted(dependency.digests.items()))
        for name, dependency in found.items()
    }

"""The store's part of an audit: the stored release and its features, signatures and channels."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release.features import FEATURES_FILE
from peewee_model.release.manifest import VERSION_PATTERN
from peewee_model.store.backends import is_remote
from peewee_model.store.cache import Cache, cache_folder
from peewee_model.store.signing import SignatureError, key_id
from peewee_model.store.store import Store, open_store
from pipeline.audit.dataset import UTTERANCES_FILE, read_utterances
from pipeline.audit.finding import Finding, Report, from_error
from pipeline.audit.record import Record
from pipeline.paths import RECEIPT

THREADS = 4


@contextmanager
def at_rest(address: str) -> Iterator[Store]:
    """Open a store without the user's cache; files that are read from a remote store are removed afterwards."""
    if not is_remote(address):
        yield open_store(address)
        return
    with Cache(cache_folder()).scratch() as folder:
        yield open_store(address, cache=folder)


def check_release(store: Store, record: Record, public_key: Path | None, report: Report) -> Iterator[Finding]:
    """Hash every file of the release in the store, and check its signature if a key is given.

    Raises:
        SignatureError: If the file is no key.
    """
    signature = f"signatures/{record.version}/{key_id(public_key)}.json" if public_key else ""
    if public_key is None:
        report.notes.append("signature: no public key was given (--public-key)")
    try:
        store.verify(record.version, public_key)
    except SignatureError as error:
        yield Finding("store", signature, f"a signature of the release by {public_key}", _one_line(error))
    except (TamperedReleaseError, ReleaseNotFoundError) as error:
        yield from_error("store", f"releases/{record.version}", error)
        return
    files = record.manifest.files
    report.n_files["store"] += len(files) + 1
    report.n_bytes += sum(entry.size for entry in files.values())


def check_features(store: Store, record: Record, report: Report) -> Iterator[Finding]:
    """Hash the tables in the store, and search them for excluded speakers and utterances."""
    if record.features is None:
        return
    version, where = record.features.version, f"features/{record.features.version}"
    try:
        manifest = store.feature_tables.read(version)
    except ReleaseNotFoundError:
        report.notes.append(f"store: {where} is not there; the release was published without its tables")
        return
    except TamperedReleaseError as error:
        yield from_error("store", f"{where}/manifest.json", error)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        for name, found in zip(manifest.files, pool.map(partial(_fetch, store, version), manifest.files), strict=True):
            if isinstance(found, ReleaseError):
                yield from_error("store", f"{where}/{name}", found)
                continue
            report.n_files["store"] += 1
            report.n_bytes += manifest.files[name].size
            if name == UTTERANCES_FILE:
                yield from check_exclusions(found, record, "store", f"{where}/{name}")


def _fetch(store: Store, version: str, name: str) -> Path | ReleaseError:
    try:
        return store.feature_tables.fetch(version, name)
    except TamperedReleaseError as error:
        return error


def check_exclusions(table: Path, record: Record, place: str, where: str) -> Iterator[Finding]:
    """Search a table of utterances for the excluded ids of a release."""
    for kind in ("speaker", "utterance"):
        excluded = record.excluded.get(f"{kind}s", [])
        if excluded:
            column = f"{kind}_id"
            found = read_utterances(table, [column])[column]
            held = set(found.unique().to_pylist()) & set(excluded)
            for identifier in sorted(held):
                count = pc.sum(pc.equal(found, identifier)).as_py()
                yield Finding(place, where, f"nothing of {kind} {identifier}, who is excluded", f"{count} utterances")


def check_channels(store: Store, report: Report, root: Path | None) -> Iterator[Finding]:
    """Check the logs of all channels: no number is missing, each entry names the release before, all releases exist."""
    versions = set(store.versions())
    try:
        channels = store.channels()
    except TamperedReleaseError as error:
        yield from_error("channel", "channels", error)
        report.notes.append("channels: they can't be listed while an entry is damaged")
        return
    for channel in channels:
        yield from _check_log(store, channel, versions, report)
    if root is not None:
        yield from _check_receipt(store, root, versions, report)


def _check_log(store: Store, channel: str, versions: set[str], report: Report) -> Iterator[Finding]:
    try:
        history = store.history(channel)
    except TamperedReleaseError as error:
        yield from_error("channel", f"channels/{channel}", error)
        return
    previous: str | None = None
    for expected, numbered in enumerate(history, start=1):
        number, entry = numbered.number, numbered.entry
        path = _entry_path(channel, number)
        if number != expected:
            yield Finding("channel", _entry_path(channel, expected), "an entry", f"none, and {path} after it")
            return
        if entry.previous != previous:
            yield Finding("channel", path, f"previous {previous}, which the entry before it names", f"{entry.previous}")
        if not VERSION_PATTERN.fullmatch(entry.version) or entry.version not in versions:
            yield Finding("channel", path, "a release of this store", f"version {entry.version}, which is not there")
        previous = entry.version
        report.n_files["channel"] += 1


def _check_receipt(store: Store, root: Path, versions: set[str], report: Report) -> Iterator[Finding]:
    """Compare the log with the receipt of the last publication from here: a shortened log lacks its entry."""
    try:
        receipt: dict[str, Any] = json.loads((root / RECEIPT).read_bytes())
        version, channel, number = str(receipt["version"]), str(receipt["channel"]), int(receipt["number"])
    except FileNotFoundError:
        report.notes.append(f"channels: {RECEIPT} is not there, so a shortened log would not be noticed")
        return
    except (ValueError, KeyError, TypeError):
        yield Finding("workspace", str(RECEIPT), "a receipt of publish", "something else")
        return
    if version not in versions:
        report.notes.append(f"channels: {RECEIPT} is of release {version}, which this store does not have")
        return
    path = _entry_path(channel, number)
    try:
        entry = next((found.entry for found in store.history(channel) if found.number == number), None)
    except TamperedReleaseError:
        return  # reported already
    if entry is None:
        yield Finding("channel", path, f"the entry that published {version}, by {RECEIPT}", "none")
    elif (entry.version, entry.reason) != (version, receipt.get("reason")):
        expected = f"version {version} and reason {receipt.get('reason')!r}, by {RECEIPT}"
        yield Finding("channel", path, expected, f"version {entry.version} and reason {entry.reason!r}")


def features_in_receipt(root: Path, record: Record) -> Iterator[Finding]:
    """Check that the receipt names the tables that the release names."""
    try:
        receipt = json.loads((root / RECEIPT).read_bytes())
    except (FileNotFoundError, ValueError):
        return
    if not isinstance(receipt, dict) or receipt.get("version") != record.version or record.features is None:
        return
    if receipt.get("features") not in (None, record.features.version):
        expected = f"features {record.features.version}, as {FEATURES_FILE} says"
        yield Finding("workspace", str(RECEIPT), expected, f"features {receipt['features']}")


def _entry_path(channel: str, number: int) -> str:
    return f"channels/{channel}/{number:08d}.json"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())

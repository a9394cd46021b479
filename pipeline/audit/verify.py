"""Checks that a release is still as it was made: hashes every file again, from the archives to the release."""

import contextlib
import json
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from peewee_model.errors import PeeweeError, ReleaseError, ReleaseNotFoundError, StoreUnavailableError
from peewee_model.release.features import FEATURES_FILE, parse_features
from peewee_model.release.manifest import MANIFEST, Manifest, parse_manifest, version_of
from peewee_model.store.backends import is_remote
from peewee_model.store.cache import cache_folder
from peewee_model.store.store import Store
from pipeline.audit import store_side
from pipeline.audit.errors import AuditError
from pipeline.audit.finding import Finding, Report, from_error
from pipeline.audit.hashing import Hasher
from pipeline.audit.places import is_project
from pipeline.audit.project import Project
from pipeline.audit.record import Record, contradictions, entry_of
from pipeline.corpora.exclusions import EXCLUSIONS_FILE
from pipeline.release.links import LINKS_FILE, parse_release_links
from pipeline.release.provenance import PROVENANCE, read_provenance

RELEASE = Path("release")
ONLINE = "run the audit without --offline"
Parsed = TypeVar("Parsed")


@dataclass(frozen=True)
class Request:
    """What to audit, and how."""

    version: str
    address: str
    """Of the store."""
    root: Path
    """Folder in which the project's repository may be."""
    offline: bool = False
    """Use only files on this machine."""
    public_key: Path | None = None
    everything: bool = False
    """Continue after the first finding."""
    remote: str = ""
    """Address where runs keep their outputs (PEEWEE_REMOTE): a folder or `s3://bucket/prefix`; empty for none."""


def audit(request: Request, progress: Callable[[int], object] = bool) -> Report:
    """Hash every input and output of a release again, archives first. Modification times are not used.

    Args:
        request: What to audit, and how.
        progress: Receives the number of bytes of each block.

    Raises:
        ReleaseNotFoundError: If neither the store nor the workspace has the release.
        PeeweeError: If something needed can't be reached.
    """
    report = Report(request.version)
    with contextlib.closing(_Audit(request, report, progress).findings()) as findings:
        for finding in findings:
            report.findings.append(finding)
            if not request.everything:
                report.complete = False
                break
    return report


class _Audit:
    def __init__(self, request: Request, report: Report, progress: Callable[[int], object]) -> None:
        self._request = request
        self._report = report
        self._hasher = Hasher(report, progress)
        self._root = request.root if is_project(request.root) else None
        if self._root is None:
            self._miss(
                f"project: {request.root.resolve()} is not its folder, so only the store was looked at",
                "run the audit in a clone of the project's repository",
            )
        self._address = request.address
        self._is_elsewhere = request.offline and is_remote(request.address)
        if self._is_elsewhere:
            self._address = str(cache_folder())
            self._miss(f"store: {request.address} was not asked; {self._address} was looked at instead", ONLINE)
            self._miss("channels: they are in the store, which was not asked", ONLINE)
        self._has_store = True

    def findings(self) -> Generator[Finding, None, None]:
        """Yield what differs, in the order of the graph."""
        with store_side.at_rest(self._address) as store:
            manifest = yield from self._manifest(store)
            if manifest is None:
                return
            record = yield from self._record(store, manifest)
            yield from contradictions(record)
            if self._root is not None:
                how = self._request
                project = Project(self._root, record, self._report, self._hasher, how.offline, how.remote)
                yield from project.findings(self._lineages(store))
            if self._has_store:
                yield from store_side.check_features(store, record, self._report)
                yield from store_side.check_release(store, record, self._request.public_key, self._report)
            if not self._is_elsewhere:
                yield from store_side.check_channels(store, self._report, self._root)
            if self._root is not None:
                yield from store_side.features_in_receipt(self._root, record)

    def _miss(self, what: str, remedy: str) -> None:
        self._report.miss(what, remedy)

    def _manifest(self, store: Store) -> Generator[Finding, None, Manifest | None]:
        """Read the manifest from the store; if it is damaged there, from the workspace."""
        version = self._request.version
        try:
            return store.read_manifest(version)
        except StoreUnavailableError:
            raise
        except ReleaseError as error:
            data = self._local(MANIFEST)
            is_ours = data is not None and version_of(data) == version
            self._has_store = not isinstance(error, ReleaseNotFoundError)
            if not self._has_store and not is_ours:
                raise
            if not self._is_elsewhere:
                yield from_error("store", f"releases/{version}/{MANIFEST}", error)
            if data is not None and is_ours:
                return parse_manifest(data, version, RELEASE)
        self._miss("everything else: no manifest at hand is that of the version", "restore the release in its store")
        return None

    def _record(self, store: Store, manifest: Manifest) -> Generator[Finding, None, Record]:
        """Read the files that record how the release was made. Each is compared with the manifest."""
        links = yield from self._read(store, manifest, LINKS_FILE, lambda data: parse_release_links(data, LINKS_FILE))
        features = yield from self._read(
            store, manifest, FEATURES_FILE, lambda data: parse_features(data, FEATURES_FILE)
        )
        provenance = yield from self._read(store, manifest, PROVENANCE, read_provenance)
        excluded = yield from self._read(store, manifest, EXCLUSIONS_FILE, _parse_excluded)
        return Record(self._request.version, manifest, links, features, provenance, excluded or {})

    def _read(
        self, store: Store, manifest: Manifest, name: str, parse: Callable[[bytes], Parsed]
    ) -> Generator[Finding, None, Parsed | None]:
        if name not in manifest.files:
            self._miss(f"{name}: the release has none; an older pipeline made it", "train and release again")
            return None
        data = self._local(name)
        if data is not None and entry_of(data) != manifest.files[name]:
            data = None
        if self._has_store:
            try:
                data = store.read_file(self._request.version, name)
            except StoreUnavailableError:
                raise
            except ReleaseError as error:
                yield from_error("store", f"releases/{self._request.version}/{name}", error)
        if data is None:
            self._miss(f"{name}: no copy is the one that the manifest lists, so its content was not used", ONLINE)
            return None
        try:
            return parse(data)
        except (PeeweeError, ValueError) as error:
            yield from_error("record", name, error)
            return None

    def _local(self, name: str) -> bytes | None:
        path = self._request.root / RELEASE / name
        return path.read_bytes() if self._root is not None and path.is_file() else None

    def _lineages(self, store: Store) -> Callable[[], Iterator[tuple[str, Manifest]]]:
        """Yield other releases, because the workspace may contain the files of one."""

        def others() -> Iterator[tuple[str, Manifest]]:
            for version in store.versions():
                if version != self._request.version:
                    with contextlib.suppress(ReleaseError):
                        yield version, store.read_manifest(version)

        return others


def _parse_excluded(data: bytes) -> dict[str, list[str]]:
    document = json.loads(data)
    if not isinstance(document, dict) or not all(isinstance(ids, list) for ids in document.values()):
        raise AuditError(f"{EXCLUSIONS_FILE}: expected lists of ids, found something else")
    return document

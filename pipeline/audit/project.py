"""The project's own copies of what made a release: the workspace, DVC's cache and remote, dvc.lock, and git."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from peewee_model.errors import ReleaseError
from peewee_model.release.manifest import Edge, FileEntry, Manifest, read_manifest, verify_release
from pipeline.audit import archives, lock
from pipeline.audit.code import check_code
from pipeline.audit.errors import AuditError
from pipeline.audit.finding import Finding, Report
from pipeline.audit.hashing import Digests, Hasher, Item, Job
from pipeline.audit.places import Place, Workspace, folder_hash, has_remote, open_places
from pipeline.audit.products import Output, check_output
from pipeline.audit.record import ARCHIVES, Record
from pipeline.audit.store_side import check_exclusions
from pipeline.download.answer import DownloadError

RELEASE = Path("release")
UTTERANCES = Path("data/utterances.parquet")
BUNDLE = "bundle"
Others = Callable[[], Iterator[tuple[str, Manifest]]]
"""Names other releases, with their manifests."""


class Project:
    """A repository in which a release was made.

    Args:
        root: Of the repository.
        record: Of the release.
        report: Told what was not looked at.
        hasher: For all files.
        offline: Whether DVC's remote and the archives' servers are left alone.
    """

    def __init__(self, root: Path, record: Record, report: Report, hasher: Hasher, offline: bool) -> None:
        self._root = root
        self._record = record
        self._report = report
        self._hasher = hasher
        self._offline = offline

    def findings(self, others: Others) -> Iterator[Finding]:
        """Find what differs from the release, in the order of the graph."""
        places = open_places(self._root, self._offline)
        if self._offline and has_remote(self._root):
            self._skip("remote: DVC's remote was not asked")
        stages: dict[str, dict[str, Any]] = {}
        for name in (lock.LOCK, lock.GRAPH):
            found = lock.read_stages(self._root, name)
            if isinstance(found, Finding):
                yield found
            elif found is None:
                self._skip(f"workspace: there is no {name}")
            else:
                stages[name] = found
        other = self._other_release(stages.get(lock.LOCK), others)
        if other is not None:
            self._skip(
                f"workspace: it holds release {other}, not this one; check out the commit of this one to audit it"
            )
            stages = {}
        else:
            places = [Workspace(self._root), *places]
        yield from self._hasher.run(self._items(places, stages))
        yield from check_code(self._root, self._record, self._report)
        if other is None:
            yield from self._exclusions()

    def _skip(self, what: str) -> None:
        self._report.unchecked.append(what)

    def _items(self, places: list[Place], stages: dict[str, dict[str, Any]]) -> Iterator[Item]:
        """Name what is to be hashed, and what else is to be said, stage after stage."""
        for stage in self._record.stages:
            entry = self._record.manifest.lineage[stage]
            if lock.LOCK in stages:
                yield from lock.check_lock(stage, entry, stages[lock.LOCK])
            if lock.GRAPH in stages:
                yield from lock.check_graph(stage, entry, stages[lock.GRAPH])
            for out, files in self._record.outs(stage):
                output = Output(out, files)
                yield from check_output(output, places)
                yield Job("", None, partial(self._missing, output))
        edge = lock.edge_of(stages.get(lock.LOCK, {}), BUNDLE, str(RELEASE))
        if self._is_another_bundle(edge):
            return
        here = [place for place in places if place.whole or edge is not None]
        edge = edge or Edge(path=str(RELEASE), algorithm="md5", hash="", size=None, n_files=None)
        yield from check_output(Output(edge, self._record.release_files), here, trusted=False)

    def _missing(self, output: Output, _: Digests | None) -> Iterator[Finding]:
        """Say which files of an output are nowhere; an archive is then read from where it comes from."""
        missing = output.missing()
        if not missing:
            return
        if self._offline:
            of = f"{len(missing)} of {len(output.files)} files" if len(output.files) > 1 else "the file"
            self._skip(f"{output.edge.path}: {of} are neither in the workspace nor in DVC's cache")
            return
        for path in missing:
            expected = output.files[path]
            if path.startswith(f"{ARCHIVES}/"):
                yield from self._from_source(path, expected)
            else:
                where = "no file in the workspace, DVC's cache or its remote"
                yield Finding("missing", path, f"sha256 {expected.sha256}", where)

    def _from_source(self, path: str, expected: FileEntry) -> Iterator[Finding]:
        source = next((found for found in self._record.sources if f"{ARCHIVES}/{found.archive_name}" == path), None)
        if source is None:
            yield Finding("missing", path, f"sha256 {expected.sha256}", "no file, and no URL to read it from")
            return
        reachable = archives.with_credentials(source, self._root)
        try:
            digests = self._hasher.digest("source", partial(archives.stream, reachable))
        except (DownloadError, AuditError) as error:
            yield Finding("missing", path, f"sha256 {expected.sha256}", f"no file here, and {error}")
            return
        if digests is None or digests.entry.sha256 != source.sha256:
            found = f"sha256 {digests.entry.sha256}" if digests else "nothing"
            yield Finding("source", f"{path} ({source.public_url})", f"sha256 {source.sha256}", found)

    def _other_release(self, locked: dict[str, Any] | None, others: Others) -> str | None:
        """Say which other release the workspace is of; None if it is of this one, or of none.

        It is of another if dvc.lock is that one's to the last entry, and not this one's.
        """
        if locked is None:
            version = self._release_version()
            return version if version != self._record.version else None
        if _agrees(self._record.manifest, locked):
            return None
        version = self._release_version()
        if version and _agrees(read_manifest(self._root / RELEASE)[0], locked):
            return version
        return next((version for version, manifest in others() if _agrees(manifest, locked)), None)

    def _release_version(self) -> str | None:
        """The version of what stands in `release`, if that is whole."""
        try:
            version = read_manifest(self._root / RELEASE)[1]
            verify_release(self._root / RELEASE, version)
        except (ReleaseError, OSError):
            return None
        return version

    def _is_another_bundle(self, edge: Edge | None) -> bool:
        """Whether `release` is another release of the same models, as dvc.lock says."""
        version = self._release_version()
        if version in (None, self._record.version) or edge is None:
            return False
        folder = self._root / RELEASE
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        digests = {name: self._hasher.digest("workspace", path) for name, path in files.items()}
        if folder_hash({name: found.md5 for name, found in digests.items() if found}) != edge.hash:
            return False
        self._skip(f"workspace: {RELEASE} is release {version} of the same models, not this one")
        return True

    def _exclusions(self) -> Iterator[Finding]:
        table = self._root / UTTERANCES
        if table.is_file() and self._record.excluded:
            try:
                yield from check_exclusions(table, self._record, "workspace", str(UTTERANCES))
            except AuditError:
                self._skip(f"{UTTERANCES}: it is damaged, and was not searched for who is excluded")


def _agrees(manifest: Manifest, locked: dict[str, Any]) -> bool:
    """Whether dvc.lock tells the same of every stage as a release."""
    return bool(manifest.lineage) and not any(
        finding for stage, entry in manifest.lineage.items() for finding in lock.check_lock(stage, entry, locked)
    )

"""Audits the project's own copies of a release's files: the workspace, DVC's cache and remote, dvc.lock, and git."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from peewee_model.errors import ReleaseError
from peewee_model.release.manifest import Edge, FileEntry, Manifest, read_manifest
from peewee_model.release.verification import verify_release
from pipeline.audit import archives, lock
from pipeline.audit.code import check_code, open_commit
from pipeline.audit.errors import AuditError
from pipeline.audit.finding import Finding, Report
from pipeline.audit.hashing import Digests, Hasher, Item, Job
from pipeline.audit.places import Place, Workspace, open_places
from pipeline.audit.products import Output, check_output
from pipeline.audit.record import ARCHIVES, Record
from pipeline.audit.store_side import check_exclusions
from pipeline.download.answer import DownloadError
from pipeline.paths import RECEIPT
from pipeline.release.committed import folder_hash
from pipeline.release.links import LINKS_FILE

RELEASE = Path("release")
UTTERANCES = Path("data/utterances.parquet")
BUNDLE = "bundle"
Others = Callable[[], Iterator[tuple[str, Manifest]]]
"""Yields other releases, with their manifests."""


class Project:
    """A project in which a release was made, or could have been.

    Args:
        root: Of the project.
        record: Of the release.
        report: Receives counts, and what is not seen.
        hasher: For all files.
        offline: Whether remotes and the archives' servers are not used.
        remote: Address where runs keep their outputs (PEEWEE_REMOTE); empty for none.
    """

    def __init__(
        self, root: Path, record: Record, report: Report, hasher: Hasher, offline: bool, remote: str = ""
    ) -> None:
        self._root = root
        self._record = record
        self._report = report
        self._hasher = hasher
        self._offline = offline
        self._remote = remote

    def findings(self, others: Others) -> Iterator[Finding]:
        """Yield what differs from the release, in the order of the graph.

        Raises:
            GitError: If the project is in a repository that git refuses to read.
        """
        commit = open_commit(self._root, self._record, self._report)
        places = open_places(self._root, self._offline, self._remote)
        stages: dict[str, dict[str, Any]] = {}
        for name in (lock.LOCK, lock.GRAPH):
            found = lock.read_stages(self._root, name)
            if isinstance(found, Finding):
                yield found
            elif found is None:
                self._note(f"workspace: there is no {name}")
            else:
                stages[name] = found
        other = self._other_release(stages.get(lock.LOCK), others)
        if other is not None:
            self._note(f"workspace: it holds {other}, not this one; check out the commit of this one to audit it")
            stages = {}
        else:
            places = [Workspace(self._root), *places]
        yield from self._hasher.run(self._items(places, stages))
        if commit is not None:
            yield from check_code(self._root, commit, self._record, self._report)
        if other is None:
            yield from self._exclusions()

    def _note(self, what: str) -> None:
        self._report.notes.append(what)

    def _items(self, places: list[Place], stages: dict[str, dict[str, Any]]) -> Iterator[Item]:
        """Yield, stage after stage, files to hash, and findings that need no hashing."""
        for stage in self._record.stages:
            entry = self._record.manifest.lineage[stage]
            if lock.LOCK in stages:
                yield from lock.check_lock(stage, entry, stages[lock.LOCK])
            if lock.GRAPH in stages:
                yield from lock.check_graph(stage, entry, stages[lock.GRAPH])
            if self._record.links is not None and stage not in self._record.links.stages:
                self._miss(f"{stage}: {LINKS_FILE} does not name what it made")
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
        """Note the files of an output that no place has. A missing archive is first read from its URL."""
        missing = output.missing()
        if not self._offline:
            for path in [path for path in missing if path.startswith(f"{ARCHIVES}/")]:
                yield from self._from_source(path, output.files[path])
                missing.remove(path)
        if missing:
            more = f" and {len(missing) - 1} more of {len(output.files)} files" if len(missing) > 1 else ""
            self._miss(f"{missing[0]}{more}: in no place that was looked at")

    def _miss(self, what: str) -> None:
        """Note a product that no place has, and where it may be."""
        self._report.miss(what, f"the tag of the run that made it is release-{self._record.version}")
        if self._offline:
            self._report.advise("run the audit without --offline")
        elif not self._remote:
            self._report.advise("name the remote of that run: PEEWEE_REMOTE=ADDRESS")

    def _from_source(self, path: str, expected: FileEntry) -> Iterator[Finding]:
        source = next((found for found in self._record.sources if f"{ARCHIVES}/{found.archive_name}" == path), None)
        if source is None:
            self._miss(f"{path}: in no place that was looked at, and no URL is known")
            return
        reachable = archives.with_credentials(source, self._root)
        try:
            digests = self._hasher.digest("source", partial(archives.stream, reachable))
        except (DownloadError, AuditError) as error:
            self._miss(f"{path}: in no place that was looked at, and {' '.join(str(error).split())}")
            return
        if digests is None:
            self._miss(f"{path}: in no place that was looked at, and {source.public_url} is not there")
        elif digests.entry.sha256 != source.sha256:
            found = f"sha256 {digests.entry.sha256}"
            yield Finding("source", f"{path} ({source.public_url})", f"sha256 {source.sha256}", found)

    def _other_release(self, locked: dict[str, Any] | None, others: Others) -> str | None:
        """Name the release whose files are in the workspace; None if they are this release's.

        They are this release's if all entries of dvc.lock agree with it. dvc.lock may be altered or missing, so it is
        also enough if `release` or the receipt of `publish` is this release's.
        """
        mine = self._record.version
        if locked is not None and _agrees(self._record.manifest, locked):
            return None
        version = self._release_version()
        if locked is None:
            return None if mine in (version, self._published()) else f"release {version}" if version else "no release"
        if version and version != mine and _agrees(read_manifest(self._root / RELEASE)[0], locked):
            return f"release {version}"
        other = next((version for version, manifest in others() if _agrees(manifest, locked)), None)
        if other:
            return f"release {other}"
        return None if mine in (version, self._published()) else "another run's files"

    def _published(self) -> str | None:
        """Return the version in the receipt of `publish`, if there is one."""
        try:
            receipt = json.loads((self._root / RECEIPT).read_bytes())
        except (OSError, ValueError):
            return None
        return receipt.get("version") if isinstance(receipt, dict) else None

    def _release_version(self) -> str | None:
        """Return the version of the folder `release`; None if it is not a complete release."""
        try:
            version = read_manifest(self._root / RELEASE)[1]
            verify_release(self._root / RELEASE, version)
        except (ReleaseError, OSError):
            return None
        return version

    def _is_another_bundle(self, edge: Edge | None) -> bool:
        """Return whether `release` is another release of the same models, by its content and by dvc.lock."""
        version = self._release_version()
        if version in (None, self._record.version) or edge is None:
            return False
        folder = self._root / RELEASE
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        digests = {name: self._hasher.digest("workspace", path) for name, path in files.items()}
        if folder_hash({name: found.md5 for name, found in digests.items() if found}) != edge.hash:
            return False
        self._note(f"workspace: {RELEASE} is release {version} of the same models, not this one")
        return True

    def _exclusions(self) -> Iterator[Finding]:
        table = self._root / UTTERANCES
        if table.is_file() and self._record.excluded:
            try:
                yield from check_exclusions(table, self._record, "workspace", str(UTTERANCES))
            except AuditError:
                self._note(f"{UTTERANCES}: it is damaged, and was not searched for who is excluded")


def _agrees(manifest: Manifest, locked: dict[str, Any]) -> bool:
    """Return whether dvc.lock and a release have the same record of every stage."""
    return bool(manifest.lineage) and not any(
        finding for stage, entry in manifest.lineage.items() for finding in lock.check_lock(stage, entry, locked)
    )

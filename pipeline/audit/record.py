"""A release's record of itself: reads its manifest and the files beside it, and compares them with each other.

The version is the hash of the manifest, and the manifest has the hash of every other file. So all these files are
authentic if the version is right. They may still contradict each other; `contradictions` looks for that.
"""

import graphlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from pydantic import ValidationError

from peewee_model.errors import PeeweeError
from peewee_model.release.features import FEATURES_FILE, FeaturesManifest
from peewee_model.release.manifest import MANIFEST, VERSION_LENGTH, Edge, FileEntry, Manifest, StageEntry
from pipeline.audit.finding import Finding, from_error
from pipeline.corpora.exclusions import EXCLUSIONS_FILE
from pipeline.corpora.sources import CorpusConfig, Source
from pipeline.release.committed import code_edges
from pipeline.release.croissant import CROISSANT
from pipeline.release.links import LINKS_FILE, ReleaseLinks, StageLink, check_products, link_path
from pipeline.release.provenance import PARENT, PROVENANCE, REPOSITORY, Provenance
from pipeline.warm_start import RELEASE

ARCHIVES = "data/archives"
FEATURES_FOLDER = "data"
DESCRIPTIONS = (FEATURES_FILE, LINKS_FILE, EXCLUSIONS_FILE, PROVENANCE, CROISSANT, "MODEL_CARD.md")
"""Files that bundle writes itself; a stage made every other file."""


@dataclass(frozen=True)
class Record:
    """A release's record of how it was made. A field is None if it could not be read."""

    version: str
    manifest: Manifest
    links: ReleaseLinks | None
    features: FeaturesManifest | None
    provenance: Provenance | None
    excluded: dict[str, list[str]]

    @property
    def sources(self) -> tuple[Source, ...]:
        """The archives of the parameters; empty if there are none, or if the parameters can't be read."""
        try:
            return CorpusConfig.model_validate(self.manifest.params.get("corpus")).sources
        except ValidationError:
            return ()

    @property
    def stages(self) -> list[str]:
        """The stages before the release, each after those that it reads from; alphabetical if they form a circle."""
        maker = {edge.path: name for name, entry in self.manifest.lineage.items() for edge in entry.outs}
        reads = {
            name: {maker[edge.path] for edge in entry.deps if edge.path in maker}
            for name, entry in sorted(self.manifest.lineage.items())
        }
        try:
            return list(graphlib.TopologicalSorter(reads).static_order())
        except graphlib.CycleError:
            return sorted(reads)

    def outs(self, stage: str) -> list[tuple[Edge, dict[str, FileEntry]]]:
        """List the outputs of a stage, each with the SHA-256 of its files; its link is the last."""
        if self.links is None or stage not in self.links.stages:
            return []
        products = self.links.stages[stage]
        link = link_path(stage).as_posix()
        found = []
        for edge in sorted(self.manifest.lineage[stage].outs, key=lambda edge: (edge.path == link, edge.path)):
            if edge.path == link:
                found.append((edge, {link: entry_of(StageLink(stage=stage, products=products).to_bytes())}))
            else:
                inside = {path: entry for path, entry in products.items() if _is_under(path, edge.path)}
                found.append((edge, inside))
        return found

    @property
    def code(self) -> dict[str, Edge]:
        """The files that stages read and no stage made: code, and lists that git tracks."""
        return code_edges(self.manifest.lineage)

    @property
    def release_files(self) -> dict[str, FileEntry]:
        """Every file of the release, the manifest too, by its path in the workspace."""
        files = {f"release/{name}": entry for name, entry in self.manifest.files.items()}
        return files | {f"release/{MANIFEST}": entry_of(self.manifest.to_bytes())}


def contradictions(record: Record) -> Iterator[Finding]:
    """Compare the records of a release with each other, archives first."""
    manifest, links = record.manifest, record.links
    products = links.products if links else {}
    if manifest.lineage and not record.sources:
        yield _contradiction(f"{MANIFEST}: params.corpus.sources", "the archives", None)
    for source in record.sources:
        stated = {
            f"{MANIFEST}: corpora {source.corpus} {source.subset}": next(
                (
                    entry.sha256
                    for entry in manifest.corpora
                    if (entry.corpus, entry.subset) == (source.corpus, source.subset)
                ),
                None,
            )
        }
        if links:
            path = f"{ARCHIVES}/{source.archive_name}"
            stated[f"{LINKS_FILE}: {path}"] = products[path].sha256 if path in products else None
        if record.provenance:
            dependency = record.provenance.dependencies.get(source.archive_name)
            stated[f"{PROVENANCE}: {source.archive_name}"] = dependency.digests.get("sha256") if dependency else None
        for path, found in stated.items():
            if found != source.sha256:
                yield _contradiction(path, f"sha256 {source.sha256}, as corpus.sources gives it", found)
    yield from _parent_contradictions(record, products)
    yield from _lineage_contradictions(manifest.lineage)
    if links:
        yield from _link_contradictions(manifest, links)
        yield from _file_contradictions(manifest, record.features, products)
    if record.provenance:
        yield from _provenance_contradictions(manifest, record.provenance)


def entry_of(data: bytes) -> FileEntry:
    """Describe a file by its bytes."""
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def _parent_contradictions(record: Record, products: dict[str, FileEntry]) -> Iterator[Finding]:
    """Compare the release that training started from in params.yaml, in its fetched copy and in the provenance."""
    parent = record.manifest.parent
    asked = record.manifest.params.get("base")
    parts = asked.get("parts") if isinstance(asked, dict) else None
    if (list(parent.parts) if parent else []) != (parts or []):
        found = f"parts {', '.join(parent.parts)}" if parent else None
        yield _contradiction(f"{MANIFEST}: parent", f"base.parts {parts or []}, as training ran with", found)
    version = parent.version if parent else None
    if parent and isinstance(asked, dict) and not str(asked.get("release")).endswith(f"@{version}"):
        yield _contradiction(f"{MANIFEST}: parent", f"base.release {asked.get('release')}", f"version {version}")
    fetched = products.get(f"{RELEASE}/{MANIFEST}")
    if parent and record.links and (fetched is None or not fetched.sha256.startswith(parent.version)):
        found = f"sha256 {fetched.sha256}" if fetched else None
        yield _contradiction(f"{LINKS_FILE}: {RELEASE}/{MANIFEST}", f"that of release {version}", found)
    if record.provenance:
        stated = record.provenance.dependencies.get(PARENT)
        digest = stated.digests.get("sha256", "") if stated else None
        if (digest[:VERSION_LENGTH] if digest else digest) != version:
            yield _contradiction(f"{PROVENANCE}: {PARENT}", f"release {version}", digest and f"sha256 {digest}")


def _lineage_contradictions(lineage: dict[str, StageEntry]) -> Iterator[Finding]:
    """Check that each file that a stage read has the hash that its maker wrote."""
    written = {edge.path: (name, edge.hash) for name, entry in lineage.items() for edge in entry.outs}
    for name, entry in sorted(lineage.items()):
        for edge in entry.deps:
            maker, expected = written.setdefault(edge.path, (name, edge.hash))
            if edge.hash != expected:
                path = f"{MANIFEST}: lineage.{name}.deps {edge.path}"
                yield _contradiction(path, f"md5 {expected}, as in {maker}", f"md5 {edge.hash}")


def _link_contradictions(manifest: Manifest, links: ReleaseLinks) -> Iterator[Finding]:
    for stage, entry in sorted(manifest.lineage.items()):
        expected = next((edge.hash for edge in entry.outs if edge.path == link_path(stage).as_posix()), None)
        if expected is None:
            continue
        if stage not in links.stages:
            yield _contradiction(f"{LINKS_FILE}: {stage}", "what the stage made", None)
            continue
        data = StageLink(stage=stage, products=links.stages[stage]).to_bytes()
        found = hashlib.md5(data, usedforsecurity=False).hexdigest()
        if found != expected:
            path = f"{LINKS_FILE}: {stage}"
            yield _contradiction(path, f"what lineage has as {link_path(stage)}, md5 {expected}", f"md5 {found}")
        try:
            check_products(stage, links.stages[stage], entry)
        except PeeweeError as error:
            yield from_error("record", f"{LINKS_FILE}: {stage}", error)
    for stage in sorted(links.stages.keys() - manifest.lineage.keys()):
        yield _contradiction(f"{LINKS_FILE}: {stage}", "no such stage", "what it made")


def _file_contradictions(
    manifest: Manifest, features: FeaturesManifest | None, products: dict[str, FileEntry]
) -> Iterator[Finding]:
    """Check that published files and tables are those that stages made."""
    stated = {f"{MANIFEST}: {name}": (_product(name), entry) for name, entry in sorted(manifest.files.items())}
    for name, entry in sorted(features.files.items()) if features else ():
        stated[f"{FEATURES_FILE}: {name}"] = (f"{FEATURES_FOLDER}/{name}", entry)
    for where, (path, entry) in stated.items():
        if path is None:
            continue
        expected = products.get(path)
        if expected is None:
            yield _contradiction(where, f"a file that a stage made ({path})", "one that none did")
        elif expected != entry:
            yield _contradiction(where, f"sha256 {expected.sha256}, as the link of {path}", f"sha256 {entry.sha256}")


def _product(name: str) -> str | None:
    """Find the stage's product that a file of a release is; None for files that bundle writes itself."""
    if name in DESCRIPTIONS:
        return None
    first = PurePosixPath(name).parts[0]
    if first == "samples":
        return f"reports/audio/{name.removeprefix('samples/')}"
    return name if first == "reports" else f"models/{name}"


def _provenance_contradictions(manifest: Manifest, provenance: Provenance) -> Iterator[Finding]:
    files = {name: entry.sha256 for name, entry in manifest.files.items() if name != PROVENANCE}
    for name in sorted(files.keys() | provenance.subjects.keys()):
        if files.get(name) != provenance.subjects.get(name):
            path = f"{PROVENANCE}: subject {name}"
            yield _contradiction(path, f"sha256 {files.get(name)}", f"sha256 {provenance.subjects.get(name)}")
    code = provenance.dependencies.get(REPOSITORY)
    commit = code.digests.get("gitCommit") if code else None
    if commit != manifest.code.commit:
        yield _contradiction(f"{PROVENANCE}: {REPOSITORY}", f"commit {manifest.code.commit}", commit)
    for section in sorted(manifest.params.keys() | provenance.params.keys()):
        if manifest.params.get(section) != provenance.params.get(section):
            yield _contradiction(f"{PROVENANCE}: parameters {section}", "those of the manifest", "others")
    commands = {name: entry.cmd for name, entry in manifest.lineage.items()}
    if commands != provenance.commands:
        yield _contradiction(f"{PROVENANCE}: stages", "the commands of the manifest's lineage", "others")


def _is_under(path: str, out: str) -> bool:
    return path == out or path.startswith(f"{out}/")


def _contradiction(path: str, expected: str, found: str | None) -> Finding:
    return Finding("record", path, expected, found or "none")

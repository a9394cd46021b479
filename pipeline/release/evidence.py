"""The evidence of how a release's files were made. It is gathered and checked before a byte is written.

Three records must agree: dvc.lock (what DVC saw each stage read and write), the links (the same files by SHA-256, as
the stages themselves saw them) and params.yaml (the SHA-256 of each archive, as its publisher gives it).
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peewee_model.errors import PeeweeError
from peewee_model.release.features import FeaturesManifest
from peewee_model.release.manifest import CodeEntry, FileEntry, StageEntry, hash_file
from pipeline import tables
from pipeline.corpora.exclusions import EXCLUSIONS, Exclusions, read_exclusions
from pipeline.corpora.sources import Source
from pipeline.release.committed import code_state
from pipeline.release.lineage import merge_params, read_lineage
from pipeline.release.links import ReleaseLinks, join_links

DATA = Path("data")
ARCHIVES = DATA / "archives"
UTTERANCES = DATA / "utterances.parquet"
FEATURES = (UTTERANCES, DATA / "mels/acoustic", DATA / "mels/speaker")
"""Tables that are published; their names in the dataset are those under `data/`."""


class BundleError(PeeweeError):
    """A file that a release needs is missing, or the files contradict each other."""


@dataclass(frozen=True)
class Evidence:
    """The records of how the present files were made."""

    lineage: dict[str, StageEntry]
    """Every stage before the release, from dvc.lock."""
    params: dict[str, Any]
    """The parameters of these stages."""
    code: CodeEntry
    links: ReleaseLinks
    features: FeaturesManifest
    """The tables that the models were trained on."""
    excluded: dict[str, list[str]]
    """Ids that are in none of them: `speakers`, `utterances`."""


def gather_evidence(stage: str) -> Evidence:
    """Gather and check the records of all stages before a stage, in the current folder.

    Raises:
        LineageError: If dvc.lock does not record how the files were made.
        GitError: If the project is in a repository that git refuses to read.
        LinkError: If a link is missing, damaged, or of other files than those of dvc.lock.
        ExclusionError: If the list of exclusions can't be read.
        BundleError: If an archive is not the one that params.yaml names, or the corpus contains an excluded id.
    """
    lineage = read_lineage(stage)
    params = merge_params(lineage)
    links = join_links(lineage)
    _check_archives(params, links)
    exclusions = read_exclusions()
    check_files([UTTERANCES], links)
    _check_exclusions(exclusions, lineage)
    return Evidence(
        lineage=lineage,
        params=params,
        code=code_state(stage, lineage),
        links=links,
        features=_describe_features(links),
        excluded={"speakers": sorted(exclusions.speakers), "utterances": sorted(exclusions.utterances)},
    )


def check_files(paths: Iterable[Path], links: ReleaseLinks) -> None:
    """Hash files that stages made, and compare them with the links.

    Raises:
        BundleError: Names the first file that differs or is missing.
    """
    for path in paths:
        try:
            check_entries({path: hash_file(path)}, links)
        except OSError as error:
            raise BundleError(f"{path} can't be read: {error.strerror}; run `dvc repro`") from None


def check_entries(entries: Mapping[Path, FileEntry], links: ReleaseLinks) -> None:
    """Compare hashes of files that stages made with the links.

    Raises:
        BundleError: Names the first file that differs, what was expected, and what was found.
    """
    products = links.products
    for path, found in entries.items():
        expected = products.get(path.as_posix())
        if expected is None:
            raise BundleError(f"{path}: no stage's link lists it; remove it, or run `dvc repro`")
        if found != expected:
            raise BundleError(
                f"{path}: expected sha256 {expected.sha256}, as the stage that made it wrote down, found "
                f"{found.sha256}; restore it with `dvc checkout --force`, or make it anew with `dvc repro`"
            )


def _check_archives(params: Mapping[str, Any], links: ReleaseLinks) -> None:
    products = links.products
    for document in params["corpus"]["sources"]:
        source = Source.model_validate(document)
        path = (ARCHIVES / source.archive_name).as_posix()
        found = products[path].sha256 if path in products else "no such archive"
        if found != source.sha256:
            raise BundleError(
                f"{path}: params.yaml has sha256 {source.sha256}, the link of download has {found}; run `dvc repro`"
            )


def _check_exclusions(exclusions: Exclusions, lineage: Mapping[str, StageEntry]) -> None:
    """Check that ingest used the present list of exclusions, and that the corpus contains none of its ids."""
    digest = hashlib.md5(EXCLUSIONS.read_bytes(), usedforsecurity=False).hexdigest()
    for name, entry in lineage.items():
        for edge in entry.deps:
            if edge.path == EXCLUSIONS.as_posix() and edge.hash != digest:
                raise BundleError(f"{EXCLUSIONS} is not the list that {name} went by, md5 {edge.hash}; run `dvc repro`")
    speakers, utterances = exclusions.speakers, exclusions.utterances
    for row in tables.iter_rows(UTTERANCES, ["utterance_id", "speaker_id"], batch_rows=4096):
        if row["speaker_id"] in speakers or row["utterance_id"] in utterances:
            raise BundleError(
                f"{UTTERANCES} holds utterance {row['utterance_id']} of speaker {row['speaker_id']}, whom {EXCLUSIONS} "
                "excludes; run `dvc repro`"
            )


def _describe_features(links: ReleaseLinks) -> FeaturesManifest:
    files: dict[str, FileEntry] = {}
    for table in FEATURES:
        found = {
            path: entry
            for path, entry in links.products.items()
            if path == table.as_posix() or path.startswith(f"{table.as_posix()}/")
        }
        if not found:
            raise BundleError(f"{table}: no stage's link lists it; run `dvc repro`")
        files |= {path.removeprefix(f"{DATA}/"): entry for path, entry in found.items()}
    return FeaturesManifest(files=files)

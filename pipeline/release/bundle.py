"""Makes a release from models and reports: copies the files, records how they were made, and writes the manifest.

    encoder/ synthesizer/ vocoder/ reports/ samples/    as the stages made them
    links.json         every file between the archives and the models, by SHA-256
    features.json      the tables that the models were trained on; its hash is their version in a store
    exclusions.json    speakers and utterances that are in none of them
    provenance.json    how it was made, as an in-toto statement (SLSA)
    croissant.json     the data that it was made from, in the format of MLCommons
    MODEL_CARD.md      a description for people

It reads no archives and no tables of audio, because their hashes are in the links.
"""

import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peewee_model.metric_labels import LABELS_FILE, Labels
from peewee_model.release.features import FEATURES_FILE
from peewee_model.release.manifest import (
    MANIFEST,
    MODELS,
    CorpusEntry,
    FileEntry,
    Manifest,
    ParentEntry,
    check_name,
    hash_file,
    mel_configs,
    version_of,
)
from peewee_model.release.verification import verify_release
from pipeline.corpora.exclusions import EXCLUSIONS_FILE
from pipeline.corpora.sources import Source
from pipeline.graph.stages import load_stages
from pipeline.release.croissant import CROISSANT, write_croissant
from pipeline.release.evidence import BundleError, Evidence, check_entries, check_files, gather_evidence
from pipeline.release.links import LINKS_FILE
from pipeline.release.model_card import write_model_card
from pipeline.release.parent import read_parent
from pipeline.release.provenance import PROVENANCE, write_provenance
from pipeline.warm_start import RELEASE

__all__ = ["BundleError", "bundle_release", "describe_corpora"]

logger = logging.getLogger(__name__)

STAGE = "bundle"
MODELS_FOLDER = Path("models")
REPORTS = Path("reports")
SAMPLES = REPORTS / "audio"
COUNTS = ("n_speakers", "n_utterances", "hours")


def bundle_release(summary: Path, release: Path) -> str:
    """Make a release from the models and reports in the current folder.

    Only reports that dvc.yaml names as dependencies of the stage are included, so that DVC knows every file. The files
    under `reports/audio` become `samples/`.

    Args:
        summary: `data/summary.json`: what ingest counted.
        release: Folder to write. Its old content is removed.

    Returns:
        The release's version.

    Raises:
        ConfigError: If the models' mel configs differ; the fields are named.
        LineageError: If dvc.lock does not record how the models were made.
        LinkError: If the stages' own records are missing, or name other files than dvc.lock.
        BundleError: If a file is missing, differs from its stage's record, or is of a kind that a release may not
            contain.
    """
    models = {name: _read_json(MODELS_FOLDER / name / "config.json") for name in MODELS}
    mel = mel_configs(models)
    evidence = gather_evidence(STAGE)
    parent = read_parent(evidence.params, evidence.links)
    corpora = describe_corpora(evidence.params, _read_json(summary))
    check_files([summary], evidence.links)
    metrics = _read_json(REPORTS / "metrics.json")
    shutil.rmtree(release, ignore_errors=True)
    release.mkdir(parents=True)
    contents = _contents()
    for source, name in contents:
        _copy(source, release / name)
    _write_descriptions(release, evidence, corpora, parent, mel, metrics)
    files = _describe_files(release)
    check_entries({source: files[name] for source, name in contents}, evidence.links)
    _write_provenance(release, files, evidence, parent)
    manifest = Manifest(
        format=1,
        files=files | {PROVENANCE: hash_file(release / PROVENANCE)},
        models=models,
        mel=mel,
        metrics=metrics,
        corpora=tuple(corpora),
        params=evidence.params,
        code=evidence.code,
        lineage=evidence.lineage,
        parent=parent,
    )
    data = manifest.to_bytes()
    (release / MANIFEST).write_bytes(data)  # last: a folder without it is no release
    version = version_of(data)
    verify_release(release, version)
    logger.info("release=%s files=%d features=%s", version, len(manifest.files), evidence.features.version)
    return version


def _write_provenance(
    release: Path, files: Mapping[str, FileEntry], evidence: Evidence, parent: ParentEntry | None
) -> None:
    # No repository is recorded, because clones of different addresses must make equal releases.
    text = write_provenance(
        files=files,
        params=evidence.params,
        lineage=evidence.lineage,
        code=evidence.code,
        parent=(parent, evidence.links.products[f"{RELEASE}/{MANIFEST}"].sha256) if parent else None,
    )
    (release / PROVENANCE).write_text(text, encoding="utf-8", newline="")


def _write_descriptions(
    release: Path,
    evidence: Evidence,
    corpora: Sequence[CorpusEntry],
    parent: ParentEntry | None,
    mel: dict[str, dict[str, Any]],
    metrics: dict[str, Any],
) -> None:
    card = write_model_card(
        corpora,
        metrics,
        _read_json(REPORTS / "gate.json"),
        mel,
        params=evidence.params,
        code=evidence.code,
        features=evidence.features,
        exclusions=evidence.excluded,
        labels=_read_labels(),
        parent=parent,
    )
    croissant = write_croissant(corpora=corpora, params=evidence.params, mel=mel, features=evidence.features)
    texts = {
        "MODEL_CARD.md": card,
        CROISSANT: croissant,
        EXCLUSIONS_FILE: json.dumps(evidence.excluded, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
        FEATURES_FILE: evidence.features.to_bytes().decode(),
        LINKS_FILE: evidence.links.to_bytes().decode(),
    }
    for name, text in texts.items():
        (release / name).write_text(text, encoding="utf-8", newline="")


def describe_corpora(params: dict[str, Any], summary: dict[str, Any]) -> list[CorpusEntry]:
    """Join the source of each archive with the counts of ingest.

    Args:
        params: With the section `corpus` as download ran with it.
        summary: With `parts`: corpus, subset, split, and counts; and `speakers`: corpus, subset and their number.

    Raises:
        BundleError: If the two name different archives.
    """
    sources = [Source.model_validate(source) for source in params["corpus"]["sources"]]
    named = {(source.corpus, source.subset) for source in sources}
    for part in summary["parts"]:
        if (part["corpus"], part["subset"]) not in named:
            raise BundleError(f"ingest counted {part['corpus']} {part['subset']}, which params.yaml does not name")
    n_speakers = {(row["corpus"], row["subset"]): row["n_speakers"] for row in summary["speakers"]}
    return [_describe(source, summary["parts"], n_speakers) for source in sources]


def _describe(
    source: Source, parts: Sequence[dict[str, Any]], n_speakers: Mapping[tuple[str, str], int]
) -> CorpusEntry:
    # The pieces of one zip are one archive: its counts are the first piece's.
    is_first = source.piece in (None, 1)
    mine = [part for part in parts if is_first and (part["corpus"], part["subset"]) == (source.corpus, source.subset)]
    return CorpusEntry(
        corpus=source.corpus,
        subset=source.subset,
        url=source.public_url,
        sha256=source.sha256,
        licence=source.licence,
        n_speakers=n_speakers.get((source.corpus, source.subset), 0) if is_first else 0,
        n_utterances=sum(part["n_utterances"] for part in mine),
        hours=round(sum(part["hours"] for part in mine), 6),
        splits={part["split"]: {count: part[count] for count in COUNTS} for part in mine},
    )


def _contents() -> list[tuple[Path, str]]:
    """Return the files of the release, and the name of each in it."""
    contents = [
        (MODELS_FOLDER / model / name, f"{model}/{name}")
        for model in MODELS
        for name in ("config.json", "model.safetensors")
    ]
    for dependency in map(Path, load_stages()[STAGE]["deps"]):
        if REPORTS not in (dependency, *dependency.parents):
            continue
        for path in sorted(dependency.rglob("*")) if dependency.is_dir() else [dependency]:
            if path.is_file() or not path.exists():
                is_sample = SAMPLES in path.parents
                contents.append((path, f"samples/{path.relative_to(SAMPLES)}" if is_sample else str(path)))
    return contents


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        raise BundleError(f"{source} can't be read: {error.strerror}; run `dvc repro`") from None


def _describe_files(release: Path) -> dict[str, FileEntry]:
    files = {path.relative_to(release).as_posix(): path for path in sorted(release.rglob("*")) if path.is_file()}
    for name in files:
        if wanted := check_name(name):
            raise BundleError(f"{name!r} can't be a file of a release; it takes {wanted}; let evaluate write another")
    return {name: hash_file(path) for name, path in files.items()}


def _read_labels() -> Labels:
    try:
        return Labels.parse(Path(LABELS_FILE).read_bytes())
    except FileNotFoundError:
        raise BundleError(f"{LABELS_FILE} is missing; run `dvc repro`") from None
    except ValueError as error:
        raise BundleError(f"{LABELS_FILE} holds {error}; make it again with `dvc repro`") from None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        raise BundleError(f"{path} is missing; run `dvc repro`") from None
    except ValueError as error:
        raise BundleError(f"{path} is no JSON: {error}; make it again with `dvc repro`") from None
    if not isinstance(found, dict):
        raise BundleError(f"{path} holds {type(found).__name__}, not an object; make it again with `dvc repro`")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"it holds {constant}")

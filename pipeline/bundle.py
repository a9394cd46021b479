"""Models and reports into a release: the files, the manifest that names them all, and a card for people."""

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peewee_model.errors import PeeweeError
from peewee_model.release import (
    MANIFEST,
    MODELS,
    CorpusEntry,
    FileEntry,
    Manifest,
    check_name,
    hash_file,
    mel_configs,
    verify_release,
    version_of,
)
from pipeline.corpora.sources import Source
from pipeline.graph import load_stages
from pipeline.lineage import code_state, merge_params, read_lineage
from pipeline.model_card import write_model_card

logger = logging.getLogger(__name__)

STAGE = "bundle"
MODELS_FOLDER = Path("models")
REPORTS = Path("reports")
SAMPLES = REPORTS / "audio"
COUNTS = ("n_speakers", "n_utterances", "hours")


class BundleError(PeeweeError):
    """What a release needs is missing or does not fit together."""


def bundle_release(summary: Path, release: Path) -> str:
    """Make a release of what stands in the current folder.

    Reports are those that dvc.yaml names as dependencies of the stage, so that nothing unknown to DVC gets in. What is
    under `reports/audio` becomes `samples/`.

    Args:
        summary: What ingest counted, as JSON.
        release: Folder to write; made anew.

    Returns:
        The release's version.

    Raises:
        ConfigError: If the models' mel configs differ; the fields are named.
        LineageError: If dvc.lock does not tell how the models were made.
        BundleError: If a file is missing, or is of a kind that no release may hold.
    """
    models = {name: _read_json(MODELS_FOLDER / name / "config.json") for name in MODELS}
    mel = mel_configs(models)
    lineage = read_lineage(STAGE)
    params = merge_params(lineage)
    corpora = describe_corpora(params, _read_json(summary))
    metrics = _read_json(REPORTS / "metrics.json")
    gate = _read_json(REPORTS / "gate.json")
    shutil.rmtree(release, ignore_errors=True)
    release.mkdir(parents=True)
    for source, name in _contents():
        _copy(source, release / name)
    (release / "MODEL_CARD.md").write_text(write_model_card(corpora, metrics, gate, mel), encoding="utf-8")
    manifest = Manifest(
        format=1,
        files=_describe_files(release),
        models=models,
        mel=mel,
        metrics=metrics,
        corpora=tuple(corpora),
        params=params,
        code=code_state(STAGE),
        lineage=lineage,
    )
    data = manifest.to_bytes()
    (release / MANIFEST).write_bytes(data)  # last: a folder without it is no release
    version = version_of(data)
    verify_release(release, version)
    logger.info("release=%s files=%d", version, len(manifest.files))
    return version


def describe_corpora(params: dict[str, Any], summary: dict[str, Any]) -> list[CorpusEntry]:
    """Join where each archive came from with what ingest counted in it.

    Args:
        params: With the section `corpus` as download ran with it.
        summary: With `parts`: corpus, subset, split, and counts.

    Raises:
        BundleError: If the two name different archives.
    """
    sources = [Source.model_validate(source) for source in params["corpus"]["sources"]]
    named = {(source.corpus, source.subset) for source in sources}
    for part in summary["parts"]:
        if (part["corpus"], part["subset"]) not in named:
            raise BundleError(f"ingest counted {part['corpus']} {part['subset']}, which params.yaml does not name")
    return [_describe(source, summary["parts"]) for source in sources]


def _describe(source: Source, parts: Sequence[dict[str, Any]]) -> CorpusEntry:
    mine = [part for part in parts if (part["corpus"], part["subset"]) == (source.corpus, source.subset)]
    return CorpusEntry(
        corpus=source.corpus,
        subset=source.subset,
        url=source.public_url,
        sha256=source.sha256,
        licence=source.licence,
        # A speaker is in one split only, so the sum counts nobody twice.
        n_speakers=sum(part["n_speakers"] for part in mine),
        n_utterances=sum(part["n_utterances"] for part in mine),
        hours=round(sum(part["hours"] for part in mine), 6),
        splits={part["split"]: {count: part[count] for count in COUNTS} for part in mine},
    )


def _contents() -> list[tuple[Path, str]]:
    """Which file gets which name in the release."""
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
            raise BundleError(f"{name!r} can't stand in a release; it takes {wanted}; let evaluate write another")
    return {name: hash_file(path) for name, path in files.items()}


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

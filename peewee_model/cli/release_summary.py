"""Releases as text for people: a row of the list, and a page on one release."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import Any

from pydantic import JsonValue

from peewee_model.errors import ReleaseError, ReleaseNotFoundError
from peewee_model.metric_labels import LABELS_FILE, Headline, Labels, release_labels
from peewee_model.public_text import printable
from peewee_model.release.features import FEATURES_FILE
from peewee_model.release.manifest import MODELS, VERSION_LENGTH, Manifest
from peewee_model.store.catalogue import Listed, Page
from peewee_model.store.channels import READERS, Numbered
from peewee_model.store.store import Store

GATE = "reports/gate.json"

_NONE = "-"


@dataclass(frozen=True)
class Gate:
    """Whether a release passed its gate in evaluation."""

    passed: bool | None
    """None if the release has no record of it."""
    failures: tuple[str, ...]

    def __str__(self) -> str:
        if self.passed is None:
            return "unknown; the release does not say"
        return "passed" if self.passed else f"not passed: {'; '.join(self.failures) or 'no reason given'}"


@dataclass(frozen=True)
class Summary:
    """A release in a line."""

    version: str
    channels: tuple[str, ...]
    """The channels that point to it now."""
    published: str | None
    """When it was published last; UTC, ISO 8601."""
    headlines: Mapping[str, Headline]
    """The figures for the list, by the heads of their columns."""
    hours: float
    n_speakers: int
    """The sum over its corpora; a speaker of two corpora counts twice."""
    n_utterances: int
    n_files: int
    size: int
    """Bytes, without the manifest."""
    signed_by: tuple[str, ...]
    """Ids of keys. The signatures are not checked."""
    error: str | None
    """Why its manifest can't be used."""

    def to_json(self) -> dict[str, JsonValue]:
        """Give it as plain data."""
        return {
            "version": self.version,
            "channels": list(self.channels),
            "published": self.published,
            "metrics": {headline.path: headline.value for headline in self.headlines.values()},
            "hours": self.hours,
            "n_speakers": self.n_speakers,
            "n_utterances": self.n_utterances,
            "n_files": self.n_files,
            "size": self.size,
            "signed_by": list(self.signed_by),
            "error": self.error,
        }


def summarize(store: Store, page: Page) -> list[Summary]:
    """Describe the releases of a page of a store's catalogue; incomplete releases are left out."""
    labels = _LabelReader(store)
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda listed: _summary(store, listed, labels), page.releases)
        return [summary for summary in found if summary]


class _LabelReader:
    """Reads the labels of metrics. Labels that many releases share are read once. Safe for several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, Labels] = {}
        self._lock = Lock()

    def of(self, version: str, manifest: Manifest) -> Labels:
        entry = manifest.files.get(LABELS_FILE)
        with self._lock:
            key = entry.sha256 if entry else ""
            if key not in self._known:
                self._known[key] = _labels(self._store, version, manifest)
            return self._known[key]


def _labels(store: Store, version: str, manifest: Manifest) -> Labels:
    return release_labels(manifest.files, lambda name: store.read_file(version, name))


def _summary(store: Store, listed: Listed, labels: _LabelReader) -> Summary | None:
    version = listed.version
    try:
        manifest, error = store.read_manifest(version), None
    except ReleaseNotFoundError:
        return None
    except ReleaseError as problem:
        manifest, error = None, str(problem)
    corpora = manifest.corpora if manifest else ()
    files = manifest.files if manifest else {}
    return Summary(
        version=version,
        channels=listed.channels,
        published=listed.published,
        headlines=labels.of(version, manifest).listed(manifest.metrics) if manifest else {},
        hours=round(sum(corpus.hours for corpus in corpora), 6),
        n_speakers=sum(corpus.n_speakers for corpus in corpora),
        n_utterances=sum(corpus.n_utterances for corpus in corpora),
        n_files=len(files),
        size=sum(entry.size for entry in files.values()),
        signed_by=listed.signed_by,
        error=error,
    )


def summary_table(summaries: Sequence[Summary]) -> str:
    """Lay releases out for reading."""
    figures = list(dict.fromkeys(title for summary in summaries for title in summary.headlines))
    head = ["VERSION", "CHANNELS", "PUBLISHED", *figures, "HOURS", "SPEAKERS", "SIZE", "SIGNED BY"]
    rows = [
        [
            summary.version,
            ", ".join(summary.channels) or _NONE,
            summary.published or _NONE,
            *(summary.headlines[title].text if title in summary.headlines else _NONE for title in figures),
            *(
                [f"{summary.hours:.1f}", str(summary.n_speakers), human_size(summary.size)]
                if summary.error is None
                else ["damaged", _NONE, _NONE]
            ),
            ", ".join(summary.signed_by) or _NONE,
        ]
        for summary in summaries
    ]
    return table(head, rows)


def read_gate(store: Store, version: str, manifest: Manifest) -> Gate:
    """Read whether a release passed its gate."""
    if GATE not in manifest.files:
        return Gate(None, ())
    try:
        gate = json.loads(store.read_file(version, GATE))
    except (ValueError, RecursionError):
        return Gate(None, ())
    if not isinstance(gate, dict) or not isinstance(gate.get("passed"), bool):
        return Gate(None, ())
    failures = gate.get("failures")
    return Gate(gate["passed"], tuple(map(str, failures)) if isinstance(failures, list) else ())


def describe(store: Store, version: str) -> tuple[str, tuple[str, ...]]:
    """Write a page on one release: what it was made of, how good it is, who signed it.

    Returns: The page, and a line for each thing that could not be read, such as a channel with a damaged entry.
    """
    manifest = store.read_manifest(version)
    listed, problems = store.catalogue.find(version)
    gate = read_gate(store, version, manifest)
    features = manifest.files.get(FEATURES_FILE)
    code = manifest.code.commit or "not from a git commit"
    if manifest.code.modified:
        code += f", modified: {', '.join(manifest.code.modified)}"
    facts = {
        "release": version,
        "channels": ", ".join(listed.channels) or "none points to it now",
        "published": listed.published or "no channel ever pointed to it",
        "gate": str(gate),
        "signed by": ", ".join(listed.signed_by) or "nobody",
        "started from": _parent(manifest),
        "code": code,
        "params": f"sha256 {params_digest(manifest)}",
        "features": features.sha256[:VERSION_LENGTH] if features else "not listed by this release",
        "files": f"{len(manifest.files)}, {human_size(sum(entry.size for entry in manifest.files.values()))}",
    }
    width = max(map(len, facts))
    lines = [f"{name:{width}}  {printable(value)}" for name, value in facts.items()]
    lines += _tables(store, version, manifest)
    return "\n".join(lines), problems


def _tables(store: Store, version: str, manifest: Manifest) -> list[str]:
    """The lines of a page's tables: corpora, models, metrics."""
    lines: list[str] = []
    corpora = [
        [
            f"{corpus.corpus} {corpus.subset}",
            *(str(corpus.n_speakers), str(corpus.n_utterances), f"{corpus.hours:.2f}"),
            *(corpus.sha256[:VERSION_LENGTH], corpus.licence),
        ]
        for corpus in manifest.corpora
    ]
    models = [
        [model, human_size(manifest.files[name].size), manifest.files[name].sha256[:VERSION_LENGTH]]
        for model in MODELS
        if (name := f"{model}/model.safetensors") in manifest.files
    ]
    metrics = _metric_rows(manifest, _labels(store, version, manifest))
    for head, rows in (
        (["CORPUS", "SPEAKERS", "UTTERANCES", "HOURS", "SHA256", "LICENCE"], corpora),
        (["MODEL", "SIZE", "SHA256"], models),
        (["METRIC", "VALUE", "NAME"], metrics),
    ):
        lines += ["", table(head, rows)] if rows else []
    return lines


def _metric_rows(manifest: Manifest, labels: Labels) -> list[list[str]]:
    """Each figure's path, value, and name, if it has one."""
    return [
        [path, _figure(value), labels.name(path) if labels.find(path.rpartition(".")[2]) else ""]
        for path, value in flatten(manifest.metrics)
    ]


def _parent(manifest: Manifest) -> str:
    if manifest.parent is None:
        return "random weights"
    parent = manifest.parent
    return f"release {parent.version} of {parent.store}: {', '.join(parent.parts)}"


def history_table(history: Sequence[Numbered]) -> str:
    """Lay a channel's log out for reading, newest last."""
    rows = [
        [str(number), entry.at, entry.by, entry.action, entry.version, entry.reason]
        for number, entry in ((numbered.number, numbered.entry) for numbered in history)
    ]
    return table(["NUMBER", "WHEN", "BY", "ACTION", "VERSION", "REASON"], rows)


def entry_json(channel: str, numbered: Numbered) -> dict[str, Any]:
    """Give a channel's entry as plain data."""
    return {"channel": channel, "number": numbered.number} | numbered.entry.model_dump(exclude={"nonce"})


def params_digest(manifest: Manifest) -> str:
    """Hash the parameters, so that people see at a glance whether two releases were made with the same parameters."""
    text = json.dumps(manifest.params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def flatten(metrics: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give nested figures by names joined with dots."""
    for name, value in metrics.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align columns by spaces."""
    cells = [list(head), *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def human_size(size: int) -> str:
    """Write a number of bytes with three digits or so."""
    value, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.1f} {unit}"


def _figure(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)

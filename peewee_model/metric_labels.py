"""The names of metrics: `reports/metrics_labels.json`, a side file of `reports/metrics.json`.

`evaluate` writes it from its table of metrics (`pipeline/evaluation/metrics.py`), and each release contains it. So the
page, the card, the command line and the runners show a metric under the same name and unit, and none of them has a
list of its own.
"""

import json
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from peewee_model.errors import PeeweeError

LABELS_FILE = "reports/metrics_labels.json"
NOT_MEASURED = "–"

Place = Literal[
    "speaker", "page", "voice", "tile", "sentence", "cloning", "lengths", "by_length", "card", "comparison", "list"
]
"""Where a metric is shown.

speaker      page: the encoder's tiles
page         page: a column of the ways to speak
voice        page: a column of the voices of the ways to speak, and of their prosody
tile         page: a tile of the synthesized speech
sentence     page: a column of the list of all sentences
cloning      page: a column of the voices of unseen speakers
lengths      page: a tile of the sentences of all lengths
by_length    page: a column of these by their length
card         model card: the encoder's line, a column of the ways to speak
comparison   `peewee-tts adapt`: before and after
list         `peewee-tts release list`: a column, of the first section in `headlines`
"""


class _Lenient(BaseModel):
    # A later release may have more fields. Built when first used: commands that show no figures start sooner.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class MetricLabel(_Lenient):
    """One metric."""

    key: str
    """The last part of its path. The ends of its interval, `KEY_low` and `KEY_high`, share the label."""
    name: str
    """In full, within a sentence."""
    short: str = ""
    """For narrow tables; the name if empty."""
    unit: Literal["%", "dB", ""] = ""
    """`%`: the value is a share of one."""
    decimals: int = 3
    better: Literal["lower", "higher", ""] = ""
    """Which direction is an improvement, where one is."""
    places: tuple[str, ...] = ()
    """Values of `Place`; a reader ignores those it does not know."""
    headlines: tuple[str, ...] = ()
    """Sections of metrics.json in which it is one of the few figures that describe a release at a glance."""

    @property
    def title(self) -> str:
        """The head of a narrow column."""
        return self.short or self.name

    @property
    def paths(self) -> tuple[str, ...]:
        """Paths in metrics.json of the headlines."""
        return tuple(f"{section}.{self.key}" for section in self.headlines)

    def text(self, value: float | None) -> str:
        """Write a value for people; a dash for what was not measured."""
        if value is None:
            return NOT_MEASURED
        if self.unit == "%":
            return f"{100 * value:.{self.decimals}f} %" if value else "0 %"
        return f"{value:.{self.decimals}f} {self.unit}".rstrip()


class PartLabel(_Lenient):
    """One part of a path in metrics.json, before the metric: a way to speak, or a section."""

    key: str
    name: str
    """In full, within a sentence."""


@dataclass(frozen=True)
class Headline:
    """A figure that describes a release at a glance."""

    path: str
    """In metrics.json, its parts joined by dots."""
    name: str
    value: float
    text: str
    """The value for people."""


class Labels(_Lenient):
    """The names of all figures of a metrics.json."""

    metrics: tuple[MetricLabel, ...]
    """In the order in which they are shown."""
    parts: tuple[PartLabel, ...] = ()
    """In the order in which they are shown."""

    @classmethod
    def parse(cls, data: bytes | str) -> Self:
        """Read the side file.

        Raises:
            ValueError: If it is no such file.
        """
        try:
            return cls.model_validate(json.loads(data))
        except (ValidationError, RecursionError) as error:
            raise ValueError(f"no labels of metrics: {error}") from None

    def find(self, key: str) -> MetricLabel | None:
        """Find a metric by the last part of its path."""
        base = key.removesuffix("_low").removesuffix("_high")
        return next((label for label in self.metrics if label.key in (key, base)), None)

    def at(self, place: Place, *rows: Mapping[str, Any]) -> list[MetricLabel]:
        """List the metrics of a place.

        Args:
            place: Where they are shown.
            rows: Values by metric: given some, a metric that none of them has is left out.
        """
        shown = [label for label in self.metrics if place in label.places]
        return [label for label in shown if not rows or any(row.get(label.key) is not None for row in rows)]

    def part(self, key: str) -> str | None:
        """Name a part of a path."""
        return next((part.name for part in self.parts if part.key == key), None)

    def name(self, path: str) -> str:
        """Name a figure by its path: the metric, and what it was measured on."""
        *sections, key = path.split(".")
        label = self.find(key)
        parts = [name for section in reversed(sections) if (name := self.part(section))]
        return ", ".join([label.name if label else key.replace("_", " "), *parts])

    def text(self, path: str, value: float | None) -> str:
        """Write a figure's value for people, by its path."""
        label = self.find(path.rpartition(".")[2])
        if label or value is None:
            return label.text(value) if label else NOT_MEASURED
        if isinstance(value, int) or abs(value) >= 1000:
            return f"{value:,.0f}"
        return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"

    def headlines(self, metrics: Mapping[str, Any]) -> list[Headline]:
        """Pick the figures that describe a release at a glance; those that were measured.

        Args:
            metrics: As in metrics.json.
        """
        return [found for label in self.metrics for path in label.paths if (found := self._headline(metrics, path))]

    def listed(self, metrics: Mapping[str, Any]) -> dict[str, Headline]:
        """Pick the figures for a list of releases, by the heads of their columns; those that were measured.

        Args:
            metrics: As in metrics.json.
        """
        found = {label.title: self._headline(metrics, path) for label in self.at("list") for path in label.paths[:1]}
        return {title: headline for title, headline in found.items() if headline}

    def _headline(self, metrics: Mapping[str, Any], path: str) -> Headline | None:
        value = value_at(metrics, path)
        if value is None:
            return None
        return Headline(path=path, name=self.name(path), value=value, text=self.text(path, value))


@cache
def before_labels() -> Labels:
    """Labels for releases that were made before releases contained labels. A new metric is never added here."""
    eer = MetricLabel(
        key="eer", name="equal error rate", short="EER", unit="%", decimals=1, better="lower",
        places=("list",), headlines=("speaker",),
    )  # fmt: skip
    cer = MetricLabel(
        key="cer", name="character error rate", short="CER", unit="%", decimals=1, better="lower",
        places=("list",), headlines=("speech.synthesized",),
    )  # fmt: skip
    return Labels(metrics=(eer, cer))


def release_labels(files: Container[str], read: Callable[[str], bytes]) -> Labels:
    """Read a release's labels; those of `before_labels` if it has none, or none that can be read.

    Args:
        files: The names of the release's files.
        read: Reads one of them.
    """
    if LABELS_FILE not in files:
        return before_labels()
    try:
        return Labels.parse(read(LABELS_FILE))
    except (ValueError, PeeweeError):
        return before_labels()  # the figures are in the manifest: they are shown under shorter names


def value_at(metrics: Mapping[str, Any], path: str) -> float | None:
    """Follow a path, its parts joined by dots; None if it leads to no number."""
    found: Any = metrics
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None

"""`reports/index.html`: one page that needs no other files; equal results give equal bytes."""

import base64
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation import metrics
from pipeline.evaluation.cloning import OTHER_SPEAKERS, SAME_SEX, SAME_SPEAKER, SEX_LIMIT_HZ, ClonedVoice
from pipeline.evaluation.config import SYNTHETIC_CORPUS, EvaluateConfig
from pipeline.evaluation.gate import Check
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import ROWS, Overview

CLONING_ROWS = (SAME_SPEAKER, "synthesized", "parent", SAME_SEX, OTHER_SPEAKERS)
"""Rows of cloned voices, the upper bound first."""
NETWORKS = {
    "tacotron2": "Tacotron 2", "non_attentive": "Non-Attentive Tacotron", "griffin_lim": "Griffin-Lim",
    "hifi_gan": "HiFi-GAN", "source_filter": "source and filter",
}  # fmt: skip
"""Names by `arch` in a model's config. An `arch` that is not here is an acronym in capitals: LSTM, TDNN, ECAPA-TDNN."""


@dataclass(frozen=True)
class Sample:
    """One sentence to listen to and to look at."""

    speaker_id: str
    is_seen: bool
    utterance_id: str
    text: str
    audio: Mapping[str, bytes]
    """FLAC by row."""
    recognized: Mapping[str, str | None]
    """The recognized text, by row."""
    mels_svg: str
    alignment_svg: str
    diagonality: float
    truncated: bool


@dataclass(frozen=True)
class ModelSummary:
    """A model in a line."""

    name: str
    architecture: str
    n_parameters: int
    """Learned numbers; 0 for Griffin-Lim."""
    n_steps: int


@dataclass(frozen=True)
class ReportContent:
    """Everything that the page shows."""

    metrics: Mapping[str, Any]
    checks: Sequence[Check]
    overview: Overview
    models: Sequence[ModelSummary]
    measurements: Sequence[Measurement]
    voices: Sequence[ClonedVoice]
    samples: Sequence[Sample]
    det_svg: str | None
    """This figure and the next one exist only if the speaker test was possible."""
    map_svg: str | None
    lengths_svg: str | None
    """None if no sentences of every length were read."""
    curves_svg: Mapping[str, str]
    """By model; those that were trained."""
    config: EvaluateConfig
    verifier: str
    """`none` if it was switched off, `absent` if it is not installed."""
    vocoder_arch: str
    parent: str | None
    """The release that the synthesizer's training started from."""

    @property
    def synthetic(self) -> bool:
        """Whether a part of the corpus was spoken by a machine."""
        return any(part.corpus == SYNTHETIC_CORPUS for part in self.overview.parts)


def describe_model(folder: Path, n_steps: int) -> ModelSummary:
    """Read a model's size from its files, without loading it."""
    from safetensors import safe_open

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        names = file.keys()
        n_parameters = sum(math.prod(file.get_slice(name).get_shape()) for name in names)
    if config.get("arch") == "griffin_lim":
        n_parameters = 0  # its tensors are the filter bank
    return ModelSummary(folder.name, _network(folder.name, config), n_parameters, n_steps)


def _network(model: str, config: Mapping[str, Any]) -> str:
    """Name a network by its config."""
    arch = str(config["arch"])
    name = NETWORKS.get(arch, arch.upper().replace("_", "-"))
    if model == "synthesizer":
        return f"{name} {'with a speaker embedding' if config['speaker_embedding_dim'] else 'of one voice'}"
    if model == "encoder":
        return f"speaker encoder, {name}"
    return f"{name} (not trained)" if arch == "griffin_lim" else name


def render(content: ReportContent) -> str:
    """Fill the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    labels = metrics.labels()
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"base64": _base64, "sentence_case": sentence_case}
    template = environment.get_template("report.html.j2")
    rows = {row: name for row, name in row_names(content.vocoder_arch).items() if row in content.metrics["speech"]}
    cloning = {row: sentence_case(labels.part(row) or row) for row in CLONING_ROWS if row in content.metrics["cloning"]}
    return template.render(
        content=content,
        labels=labels,
        row_names=rows,
        cloning_names=cloning,
        cloning_columns=labels.at("cloning", *(content.metrics["cloning"][row] for row in cloning)) if cloning else [],
        row_columns=lambda place, speech: labels.at(place, *(speech[row] for row in rows)),
        place_on_scale=_place_on_scale,
        sex_limit_hz=SEX_LIMIT_HZ,
        sentence_columns=labels.at("sentence", *map(vars, content.measurements)),
    )


def row_names(vocoder_arch: str) -> dict[str, str]:
    """Name the ways to speak in the order of the page, copy-synthesis with its vocoder."""
    labels = metrics.labels()
    names: dict[str, str] = {row: sentence_case(labels.part(row) or row) for row in ROWS}
    return names | {"copy_synthesis": f"{names['copy_synthesis']}, {NETWORKS[vocoder_arch]}"}


def sentence_case(text: str) -> str:
    """Begin a text with a capital."""
    return text[:1].upper() + text[1:]


def _place_on_scale(likeness: float) -> float:
    """Return where a likeness is on the page's scale, which reaches from -0.5 to 1.25, in %."""
    return round(100 * (min(max(likeness, -0.5), 1.25) + 0.5) / 1.75, 1)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

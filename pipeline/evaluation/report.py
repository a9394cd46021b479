"""`reports/index.html`: one page that needs nothing beside it, the same bytes for the same results."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation.cloning import ClonedVoice
from pipeline.evaluation.config import SYNTHETIC_CORPUS, EvaluateConfig
from pipeline.evaluation.gate import Check
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import ROWS, Overview

ROW_NAMES: dict[str, str] = {
    "ground_truth": "Recording",
    "copy_synthesis_griffin_lim": "Copy-synthesis, Griffin-Lim",
    "copy_synthesis": "Copy-synthesis",
    "parent": "Synthesized before",
    "synthesized": "Synthesized",
}
"""Rows in the order of the page."""
CLONING_NAMES = {
    "same_speaker": "The speaker's own recordings",
    "synthesized": "Synthesized",
    "parent": "Synthesized before",
    "other_speakers": "Other speakers' recordings",
}
"""Rows of cloned voices, the upper bound first."""
_VOCODERS = {"griffin_lim": "Griffin-Lim", "hifi_gan": "HiFi-GAN"}
_ARCHITECTURES = {
    "lstm": "speaker encoder, LSTM", "ecapa_tdnn": "speaker encoder, ECAPA-TDNN",
    "tacotron2": "Tacotron 2", "non_attentive": "Non-Attentive Tacotron",
    "griffin_lim": "Griffin-Lim (not trained)", "hifi_gan": "HiFi-GAN",
}  # fmt: skip
"""By `arch` in a model's config."""
_SECTIONS = {
    "cloning": "unseen speakers", "lengths": "sentences of all lengths", "seen": "seen speakers",
    "unseen": "unseen speakers",
}  # fmt: skip
"""Parts of a metric's path that say of what it is."""

METRIC_NAMES = {
    "eer": "equal error rate",
    "min_dcf": "minimum detection cost",
    "threshold": "threshold at the EER",
    "cer": "character error rate",
    "cer_ratio": "character error rate by that of copy-synthesis",
    "wer": "word error rate",
    "mcd_db": "mel cepstral distortion",
    "similarity": "similarity to the speaker",
    "similarity_reference": "similarity to the reference",
    "similarity_others": "similarity to other speakers",
    "verification_eer": "verification EER",
    "stop_failures": "stop failures",
    "truncated": "cut off",
    "too_short": "too short",
    "too_long": "too long",
    "aligned": "sentences with diagonal attention",
    "length_ratio": "length against the recording",
    "diagonality": "attention diagonality",
    "focus_rate": "attention focus rate",
    "coverage": "text read by the attention",
}

_PERCENT = (
    "eer", "eer_low", "eer_high", "cer", "cer_low", "cer_high", "wer", "verification_eer", "stop_failures", "truncated",
    "too_short", "too_long", "aligned",
)  # fmt: skip


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
    """What the recognizer wrote down, by row."""
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
    """All that the page shows."""

    metrics: Mapping[str, Any]
    checks: Sequence[Check]
    overview: Overview
    models: Sequence[ModelSummary]
    measurements: Sequence[Measurement]
    voices: Sequence[ClonedVoice]
    samples: Sequence[Sample]
    det_svg: str | None
    """These two if speakers could be told apart at all."""
    map_svg: str | None
    lengths_svg: str | None
    """If sentences of every length were read."""
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
    n_parameters = 0
    with safe_open(folder / "model.safetensors", framework="numpy") as file:
        for name in file.keys():  # noqa: SIM118 - safe_open is no mapping
            size = 1
            for extent in file.get_slice(name).get_shape():
                size *= extent
            n_parameters += size
    if config.get("arch") == "griffin_lim":
        n_parameters = 0  # its tensors are the filter bank
    if "speaker_embedding_dim" in config:
        heard = "with a speaker embedding" if config["speaker_embedding_dim"] else "of one voice"
        return ModelSummary(folder.name, f"{_ARCHITECTURES[config['arch']]} {heard}", n_parameters, n_steps)
    return ModelSummary(folder.name, _ARCHITECTURES.get(str(config.get("arch")), folder.name), n_parameters, n_steps)


def render(content: ReportContent) -> str:
    """Fill the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": format_metric, "metric_name": metric_name, "base64": _base64}
    template = environment.get_template("report.html.j2")
    names = row_names(content.vocoder_arch)
    rows = {row: names[row] for row in ROWS if row in content.metrics["speech"]}
    return template.render(content=content, row_names=rows, metric_names=METRIC_NAMES, cloning_names=CLONING_NAMES)


def row_names(vocoder_arch: str) -> dict[str, str]:
    """Name the rows, copy-synthesis with its vocoder."""
    return ROW_NAMES | {"copy_synthesis": f"Copy-synthesis, {_VOCODERS[vocoder_arch]}"}


def metric_name(path: str) -> str:
    """Name a metric's path for people."""
    *sections, last = path.split(".")
    rows = ROW_NAMES | CLONING_NAMES if "cloning" in sections else ROW_NAMES
    of = [rows[part].lower() for part in sections if part in rows]
    of += [_SECTIONS[part] for part in sections if part in _SECTIONS]
    return ", ".join([METRIC_NAMES.get(last, last.replace("_", " ")), *of])


def format_metric(value: float | None, path: str) -> str:
    """Write a metric's value as people read it; a dash for what was not measured."""
    last = path.rsplit(".", 1)[-1]
    if value is None:
        return "–"
    if last in _PERCENT:
        return f"{value * 100:.1f} %" if value else "0 %"
    if last == "mcd_db":
        return f"{value:.2f} dB"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

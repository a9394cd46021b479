"""`reports/index.html`: one page that needs nothing beside it, the same bytes for the same results."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.evaluation.config import SYNTHETIC_CORPUS
from pipeline.evaluation.gate import Check
from pipeline.evaluation.measures import Measurement
from pipeline.evaluation.sentences import CorpusPart

ROW_NAMES = {
    "ground_truth": "Recording",
    "copy_synthesis": "Copy-synthesis",
    "synthesized": "Synthesized",
}

METRIC_NAMES = {
    "eer": "equal error rate",
    "min_dcf": "minimum detection cost",
    "threshold": "threshold at the EER",
    "cer": "character error rate",
    "wer": "word error rate",
    "mcd_db": "mel cepstral distortion",
    "similarity": "similarity to the speaker",
    "similarity_others": "similarity to other speakers",
    "verification_eer": "verification EER",
    "stop_failures": "stop failures",
    "truncated": "cut off",
    "length_ratio": "length against the recording",
    "diagonality": "attention diagonality",
    "focus_rate": "attention focus rate",
    "coverage": "text read by the attention",
}

_PERCENT = ("eer", "eer_low", "eer_high", "cer", "wer", "verification_eer", "stop_failures", "truncated")


@dataclass(frozen=True)
class Sample:
    """One sentence to listen to and to look at."""

    speaker_id: str
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
    corpus: Sequence[CorpusPart]
    models: Sequence[ModelSummary]
    measurements: Sequence[Measurement]
    samples: Sequence[Sample]
    det_svg: str
    map_svg: str
    curves_svg: Mapping[str, str]
    """By model; those that were trained."""
    recognizer: str
    """`none` if nothing was recognized."""
    verifier: str
    """`none` if it was switched off, `absent` if it is not installed."""
    n_enrolment: int
    """Recordings, at most, by which the verifier knows a speaker."""
    target_prior: float
    """Of the detection cost."""

    @property
    def synthetic(self) -> bool:
        """Whether a part of the corpus was spoken by a machine."""
        return any(part.corpus == SYNTHETIC_CORPUS for part in self.corpus)


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
    kinds = {"encoder": "GE2E speaker encoder (LSTM)", "synthesizer": "Tacotron 2 with a speaker embedding"}
    vocoders = {"griffin_lim": "Griffin-Lim (not trained)", "hifi_gan": "HiFi-GAN"}
    architecture = kinds.get(folder.name) or vocoders.get(str(config.get("arch")), folder.name)
    return ModelSummary(folder.name, architecture, n_parameters, n_steps)


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
    return template.render(content=content, row_names=ROW_NAMES, metric_names=METRIC_NAMES)


def metric_name(path: str) -> str:
    """Name a metric's path for people."""
    *_, last = path.split(".")
    name = METRIC_NAMES.get(last, last.replace("_", " "))
    row = next((ROW_NAMES[part] for part in path.split(".") if part in ROW_NAMES), None)
    return f"{name}, {row.lower()}" if row else name


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

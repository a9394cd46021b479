"""Measures the models on held-out speakers and sentences, decides the gate, and writes the page: `reports`."""

import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peewee_model.metric_labels import LABELS_FILE
from peewee_model.networks.device import inference_device
from pipeline.evaluation import outputs, plots
from pipeline.evaluation.config import EvaluateConfig
from pipeline.evaluation.gate import Check, GateConfig, check_gate, gate_document
from pipeline.evaluation.held_out_speakers import SpeakerTest, verify_speakers
from pipeline.evaluation.held_out_speech import Sources, SpeechTest, speak_sentences
from pipeline.evaluation.metrics import labels
from pipeline.evaluation.report import ReportContent, describe_model, render
from pipeline.evaluation.sentences import Overview, read_overview
from pipeline.evaluation.training_curves import Curves, n_steps, read_curves
from pipeline.params.params import Section, read
from pipeline.warm_start import RELEASE, WarmStartConfig

logger = logging.getLogger(__name__)

MODELS = Path("models")
REPORTS = Path("reports")
SOURCES = Sources(
    corpus=Path("data/corpus"),
    mels=Path("data/mels/acoustic"),
    embeddings=Path("data/speakers/utterances.parquet"),
    synthesizer=MODELS / "synthesizer",
    vocoder=MODELS / "vocoder",
)


class Params(Section):
    """The sections of params.yaml that this stage reads."""

    base: WarmStartConfig
    evaluate: EvaluateConfig
    gate: GateConfig


def evaluate() -> None:
    """Run the stage. A gate that does not pass is recorded and is no error; `publish` then refuses the release.

    Raises:
        EvaluationError: If nothing is held out to evaluate on.
    """
    params = read(Params)
    config = params.evaluate
    started = time.perf_counter()
    for folder in (REPORTS / "plots", REPORTS / "audio"):
        shutil.rmtree(folder, ignore_errors=True)
    overview = read_overview(SOURCES.corpus)
    speaker = verify_speakers(SOURCES.embeddings, overview.trained, config.speaker, config.seed, REPORTS / "plots")
    parent = RELEASE if params.base.weights_of("synthesizer") else None
    speech = speak_sentences(SOURCES, overview, parent, config, inference_device(), REPORTS / "audio")
    curves = {model: read_curves(MODELS / model) for model in ("encoder", "synthesizer", "vocoder")}
    _write_tables(speech, curves)
    metrics = outputs.rounded({"speaker": speaker.metrics} | speech.metrics)
    checks = check_gate(params.gate, metrics)
    outputs.write_json(REPORTS / "metrics.json", metrics)
    outputs.write_json(Path(LABELS_FILE), labels().model_dump(exclude_defaults=True))
    outputs.write_json(REPORTS / "gate.json", gate_document(checks))
    release = params.base.release.rpartition("@")[2] if params.base.release and parent else None
    content = _content(config, metrics, checks, overview, speaker, speech, curves, release)
    (REPORTS / "index.html").write_text(render(content), encoding="utf-8")
    outputs.write_json(REPORTS / "timings.json", speech.timings | {"evaluate_s": time.perf_counter() - started})
    for check in checks:
        logger.info(
            "metric=%s value=%s asked=%s%g passed=%s",
            check.metric,
            check.value,
            check.op,
            check.threshold,
            check.passed,
        )


def _content(
    config: EvaluateConfig,
    metrics: Mapping[str, Any],
    checks: Sequence[Check],
    overview: Overview,
    speaker: SpeakerTest,
    speech: SpeechTest,
    curves: Mapping[str, Curves],
    parent: str | None,
) -> ReportContent:
    return ReportContent(
        metrics=metrics,
        checks=checks,
        overview=overview,
        models=[describe_model(MODELS / model, n_steps(found)) for model, found in curves.items()],
        measurements=speech.measurements,
        voices=speech.voices,
        samples=speech.samples,
        det_svg=speaker.det_svg,
        map_svg=speaker.map_svg,
        lengths_svg=plots.lengths_figure(speech.lengths) if speech.lengths else None,
        curves_svg={model: plots.curves_figure(model, found) for model, found in curves.items() if found},
        config=config,
        verifier=speech.verifier,
        vocoder_arch=speech.vocoder_arch,
        parent=parent,
    )


def _write_tables(speech: SpeechTest, curves: Mapping[str, Curves]) -> None:
    folder = REPORTS / "plots"
    for model, found in curves.items():
        outputs.write_curves(folder, model, found)
    outputs.write_measurements(folder / "utterances.csv", speech.measurements)
    if speech.voices:
        outputs.write_cloning(folder / "cloning.csv", speech.voices)
    if speech.lengths:
        outputs.write_lengths(folder / "lengths.csv", speech.lengths)

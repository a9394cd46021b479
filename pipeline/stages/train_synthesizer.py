"""Train the synthesizer of many voices: `models/synthesizer`."""

from pathlib import Path
from typing import Any, cast

from peewee_model.audio.mel import MelConfig
from peewee_model.networks.weights import WeightsConfig, save_model
from peewee_model.synthesizer.factory import make_synthesizer
from peewee_model.synthesizer.synthesizer import Synthesizer
from peewee_model.text.symbols.config import TextConfig
from pipeline import tables
from pipeline.params.params import Section, read
from pipeline.training.loop.checkpoints import ROOT, fingerprint, forget
from pipeline.training.loop.loop import train, write_history
from pipeline.training.loop.starting_weights import keep_weights, start_from
from pipeline.training.synthesizer.learner import NotAlignedError, SynthesizerLearner
from pipeline.training.synthesizer.one_voice import is_of_one_voice, start_from_one_voice
from pipeline.training.synthesizer.settings import SynthesizerParams, SynthesizerTraining, synthesizer_config
from pipeline.warm_start import WarmStartConfig

CORPUS = Path("data/corpus")
MELS = Path("data/mels/acoustic")
SPEAKERS = Path("data/speakers")
MODEL = Path("models/synthesizer")


class Params(Section):
    """The sections of params.yaml that this stage reads."""

    base: WarmStartConfig
    synthesizer: SynthesizerParams
    text: TextConfig
    weights: WeightsConfig


def train_synthesizer() -> None:
    """Train until the schedule ends, and keep the weights that predict the validation utterances best.

    Raises:
        ConfigError: If the release to start from has another synthesizer than params.yaml asks for.
        NotAlignedError: If these weights do not align tokens and frames; no later stage could repair that.
    """
    params = read(Params)
    start, schedule = params.base.weights_of("synthesizer"), params.synthesizer.training.schedule
    if schedule.steps == 0:
        _keep(params, start)
        return
    voices = [SPEAKERS] if params.synthesizer.speaker_conditioning else []
    inputs = [CORPUS, MELS, *voices, *([start] if start else [])]
    run = f"train_synthesizer/{fingerprint(params.model_dump_json(include={'synthesizer', 'text'}), inputs)}"
    learner = SynthesizerLearner(CORPUS, MELS, SPEAKERS / "utterances.parquet", params.synthesizer, params.text)
    model = learner.modules["synthesizer"]
    if start and learner.config.speaker_embedding_dim and is_of_one_voice(start):
        start_from_one_voice(start, cast(Synthesizer, model))
    elif start:
        start_from(start, model, learner.config)
    history = train(learner, schedule, run, warm=start is not None)
    _check_alignment(history, learner, params.synthesizer.training)
    save_model(MODEL, model, learner.config, params.weights.dtype)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)


def _keep(params: Params, start: Path | None) -> None:
    voice = next(tables.iter_rows(SPEAKERS / "utterances.parquet", ["embedding"]))["embedding"]
    config = synthesizer_config(tables.mel_config(MELS, MelConfig), len(voice), params.synthesizer, params.text)
    keep_weights(start, MODEL, make_synthesizer(config), config, params.weights.dtype)


def _check_alignment(history: list[dict[str, Any]], learner: SynthesizerLearner, training: SynthesizerTraining) -> None:
    rows = (row for row in history if row["split"] == "validation" and row["step"] >= learner.candidates_from)
    best = min(rows, key=lambda row: float(row[learner.monitor]))
    for name, wanted in (("diagonality", training.min_diagonality), ("focus_rate", training.min_focus_rate)):
        if best[name] < wanted:
            raise NotAlignedError(
                f"after {history[-1]['step']} steps the alignments' {name} is {best[name]:.2f}, "
                f"synthesizer.training.min_{name} asks for {wanted}; train longer (schedule.steps), raise "
                "loss.guided_attention_weight (tacotron2) or loss.aligner_weight (non_attentive), change the "
                "reduction_factor, or look for texts that do not match their audio"
            )

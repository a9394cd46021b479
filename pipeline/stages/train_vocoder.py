"""Train the vocoder, or save the one that needs no training: `models/vocoder`."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import torch

from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.networks.device import inference_device
from peewee_model.networks.weights import WeightsConfig, WeightType, save_model
from peewee_model.vocoder.factory import make_vocoder
from peewee_model.vocoder.griffin_lim import GriffinLimConfig
from peewee_model.vocoder.hifi_gan import HiFiGan, HiFiGanConfig, add_weight_norm, remove_weight_norm
from peewee_model.vocoder.source_filter import SourceFilter, SourceFilterConfig
from pipeline import tables
from pipeline.params.params import Section, read
from pipeline.training.loop.checkpoints import ROOT, fingerprint, forget
from pipeline.training.loop.loop import train, write_history
from pipeline.training.loop.ragged import Ragged
from pipeline.training.loop.starting_weights import check_same_model, keep_weights, start_from
from pipeline.training.vocoder.learner import HiFiGanLearner, validation_rows
from pipeline.training.vocoder.pitch_learner import PitchLearner
from pipeline.training.vocoder.settings import VocoderParams
from pipeline.training.vocoder.teacher_forcing import teacher_forced_mels
from pipeline.warm_start import WarmStartConfig

CORPUS = Path("data/corpus")
MELS = Path("data/mels/acoustic")
EMBEDDINGS = Path("data/speakers/utterances.parquet")
SYNTHESIZER = Path("models/synthesizer")
MODEL = Path("models/vocoder")


class Params(Section):
    """The sections of params.yaml that this stage reads."""

    base: WarmStartConfig
    vocoder: VocoderParams
    weights: WeightsConfig


def train_vocoder() -> None:
    """Write the vocoder that params.yaml names, and how well it copies recordings of validation speakers.

    Raises:
        ConfigError: If the release to start from has another vocoder than params.yaml asks for.
    """
    params = read(Params)
    start = params.base.weights_of("vocoder")
    if params.vocoder.arch == "griffin_lim":
        _write_griffin_lim(params.vocoder, start, params.weights.dtype)
        return
    mel = tables.mel_config(MELS, MelConfig)
    if params.vocoder.arch == "hifi_gan":
        hifi_gan = params.vocoder.hifi_gan
        config = HiFiGanConfig(arch="hifi_gan", mel=mel, **hifi_gan.generator.model_dump())
        if hifi_gan.training.schedule.steps:
            _train_hifi_gan(params.vocoder, start, params.weights.dtype)
        else:
            keep_weights(start, MODEL, make_vocoder(config), config, params.weights.dtype)
        return
    settings = params.vocoder.source_filter
    vocoder = SourceFilter(
        SourceFilterConfig(arch="source_filter", mel=mel, pitch=settings.pitch, filter=settings.filter)
    )
    if settings.training.schedule.steps:
        _train_source_filter(vocoder, params.vocoder, start, params.weights.dtype)
    else:
        keep_weights(start, MODEL, vocoder, vocoder.config, params.weights.dtype)


def _write_griffin_lim(params: VocoderParams, start: Path | None, dtype: WeightType) -> None:
    if os.environ.get("RANK", "0") != "0":  # under torchrun the first process writes; there is nothing to share
        return
    mel = tables.mel_config(MELS, MelConfig)
    config = GriffinLimConfig(arch="griffin_lim", mel=mel, **params.griffin_lim.model_dump())
    if start:  # its weights follow from its config
        check_same_model(start, config)
    vocoder = make_vocoder(config)
    rows = tables.iter_rows(MELS, ["split", "mel"])
    mels = Ragged(
        (tables.shaped_mel(row["mel"], mel.n_mels).T for row in rows if row["split"] == "validation"),
        np.float32,
        mel.n_mels,
    )
    distances = []
    for row in validation_rows(mels, params.n_validation).tolist():
        target = np.array(mels[row]).T
        copied = log_mel(vocoder.synthesize(torch.from_numpy(target)), mel)
        distances.append(float(np.abs(copied - target).mean()))
    save_model(MODEL, vocoder, config, dtype)
    write_history(
        MODEL / "training.jsonl", [{"step": 0, "split": "validation", "copy_mel_l1": float(np.mean(distances))}]
    )


def _train_hifi_gan(params: VocoderParams, start: Path | None, dtype: WeightType) -> None:
    training = params.hifi_gan.training
    inputs = [CORPUS, MELS, *([SYNTHESIZER, EMBEDDINGS] if training.fine_tune_steps else [])]
    inputs += [start] if start else []
    run = f"train_vocoder/{fingerprint(params.model_dump_json(exclude={'griffin_lim', 'source_filter'}), inputs)}"
    device = inference_device()

    def forced_mels(split: str) -> Ragged:
        return teacher_forced_mels(CORPUS, MELS, EMBEDDINGS, SYNTHESIZER, split, training.schedule.seed, device)

    learner = HiFiGanLearner(CORPUS, MELS, forced_mels, params.hifi_gan, params.n_validation)
    generator: Any = learner.modules["generator"]
    if start:  # a release has no discriminators: they are trained from random weights
        _start_generator(start, generator, learner.config)
    history = train(learner, training.schedule, run, warm=start is not None)
    assert isinstance(generator, HiFiGan)
    remove_weight_norm(generator)
    save_model(MODEL, generator, learner.config, dtype)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)


def _train_source_filter(vocoder: SourceFilter, params: VocoderParams, start: Path | None, dtype: WeightType) -> None:
    settings = params.source_filter
    inputs = [CORPUS, MELS, *([start] if start else [])]
    run = f"train_vocoder/{fingerprint(params.model_dump_json(exclude={'griffin_lim', 'hifi_gan'}), inputs)}"
    learner = PitchLearner(CORPUS, MELS, settings, params.n_validation)
    if start:
        start_from(start, vocoder, vocoder.config)
        learner.modules["pitch"].load_state_dict(vocoder.pitch.state_dict())
    pitch = learner.modules["pitch"]
    history = train(learner, settings.training.schedule, run, warm=start is not None)
    vocoder.pitch.load_state_dict(pitch.state_dict())
    save_model(MODEL, vocoder, vocoder.config, dtype)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)


def _start_generator(start: Path, generator: torch.nn.Module, config: HiFiGanConfig) -> None:
    """Load a released generator, whose convolutions are plain, into one in training, whose are not."""
    plain = HiFiGan(config)
    start_from(start, plain, config)
    add_weight_norm(plain)
    generator.load_state_dict(plain.state_dict())

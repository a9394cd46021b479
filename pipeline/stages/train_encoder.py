"""Train the speaker encoder on the speaker mels: `models/encoder`."""

from pathlib import Path

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.config import EncoderConfig
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.networks.weights import WeightsConfig, save_model
from pipeline import tables
from pipeline.params.params import Section, read
from pipeline.training.encoder.learner import EncoderLearner, EncoderParams
from pipeline.training.loop.checkpoints import ROOT, fingerprint, forget
from pipeline.training.loop.loop import train, write_history
from pipeline.training.loop.starting_weights import keep_weights, start_from
from pipeline.warm_start import WarmStartConfig

MELS = Path("data/mels/speaker")
MODEL = Path("models/encoder")


class Params(Section):
    """The sections of params.yaml that this stage reads."""

    base: WarmStartConfig
    encoder: EncoderParams
    weights: WeightsConfig


def train_encoder() -> None:
    """Train until the schedule ends, and keep the weights with the lowest EER on the validation speakers.

    Raises:
        ConfigError: If the release to start from has another encoder than params.yaml asks for.
    """
    params = read(Params)
    start, schedule = params.base.weights_of("encoder"), params.encoder.training.schedule
    if schedule.steps == 0:
        config = EncoderConfig.of(params.encoder.architecture, tables.mel_config(MELS, SpeakerMelConfig))
        keep_weights(start, MODEL, SpeakerEncoder(config), config, params.weights.dtype)
        return
    run = f"train_encoder/{fingerprint(params.encoder.model_dump_json(), [MELS, *([start] if start else [])])}"
    learner = EncoderLearner(MELS, params.encoder)
    encoder = learner.modules["encoder"]
    if start:
        start_from(start, encoder, learner.config)
    history = train(learner, schedule, run, warm=start is not None)
    save_model(MODEL, encoder, learner.config, params.weights.dtype)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)

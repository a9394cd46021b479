"""Train the speaker encoder on the speaker mels: `models/encoder`."""

from pathlib import Path

from peewee_model.weights import save_model
from pipeline.params import Section, read
from pipeline.training.checkpoints import ROOT, fingerprint, forget
from pipeline.training.encoder_learner import EncoderLearner, EncoderParams
from pipeline.training.loop import train, write_history

MELS = Path("data/mels/speaker")
MODEL = Path("models/encoder")


class Params(Section):
    """What this stage reads of params.yaml."""

    encoder: EncoderParams


def train_encoder() -> None:
    """Train until the schedule ends, and keep the weights with the lowest EER on the validation speakers."""
    params = read(Params)
    run = f"train_encoder/{fingerprint(params.model_dump_json(), [MELS])}"
    learner = EncoderLearner(MELS, params.encoder)
    encoder = learner.modules["encoder"]
    history = train(learner, params.encoder.training.schedule, run)
    save_model(MODEL, encoder, learner.config)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)

"""Train the synthesizer, Tacotron 2 in many voices: `models/synthesizer`."""

from pathlib import Path

from peewee_model.text.config import TextConfig
from peewee_model.weights import save_model
from pipeline.params import Section, read
from pipeline.training.checkpoints import ROOT, fingerprint, forget
from pipeline.training.loop import train, write_history
from pipeline.training.synthesizer_learner import NotAlignedError, SynthesizerLearner, SynthesizerParams

CORPUS = Path("data/corpus")
MELS = Path("data/mels/acoustic")
SPEAKERS = Path("data/speakers")
MODEL = Path("models/synthesizer")


class Params(Section):
    """What this stage reads of params.yaml."""

    synthesizer: SynthesizerParams
    text: TextConfig


def train_synthesizer() -> None:
    """Train until the schedule ends, and keep the weights with the lowest loss on the validation speakers.

    Raises:
        NotAlignedError: If these weights' attention is not diagonal: nothing that follows could mend it.
    """
    params = read(Params)
    run = f"train_synthesizer/{fingerprint(params.model_dump_json(), [CORPUS, MELS, SPEAKERS])}"
    learner = SynthesizerLearner(CORPUS, MELS, SPEAKERS / "utterances.parquet", params.synthesizer, params.text)
    model = learner.modules["synthesizer"]
    history = train(learner, params.synthesizer.training.schedule, run)
    best = min((row for row in history if row["split"] == "validation"), key=lambda row: float(row["loss"]))
    wanted = params.synthesizer.training.min_diagonality
    if best["diagonality"] < wanted:
        raise NotAlignedError(
            f"after {history[-1]['step']} steps the alignments' diagonality is {best['diagonality']:.2f}, "
            f"synthesizer.training.min_diagonality asks for {wanted}; train longer (schedule.steps), raise "
            "loss.guided_attention_weight or the reduction_factor, or look for texts that do not match their audio"
        )
    save_model(MODEL, model, learner.config)
    write_history(MODEL / "training.jsonl", history)
    forget(ROOT / run)

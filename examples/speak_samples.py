"""Makes docs/samples: what `examples/store@stable` says in three voices, to hear and to look at.

    python examples/speak_samples.py FOLDER

FOLDER holds the references `kathleen.flac` and two more recordings, of people who were not trained on.
"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt

from peewee_model import VoiceCloner
from peewee_model.audio.mel import MelConfig, log_mel
from peewee_model.store.store import open_store

ROOT = Path(__file__).parents[1]
TEXT = "The birch canoe slid on the smooth planks, and the boat lay in the cold grey light of the morning."


def main() -> None:
    """Speak, and draw alignments above mels."""
    references = {"kathleen": Path(sys.argv[1]) / "kathleen.flac"}
    others = sorted(path for path in Path(sys.argv[1]).glob("unseen-*"))
    references |= {f"unseen-{number}": path for number, path in enumerate(others[:2])}
    store = open_store(f"{ROOT}/examples/store")
    config = MelConfig.model_validate(store.read_manifest(store.resolve("stable")).mel["acoustic"])
    cloner = VoiceCloner.load(f"{ROOT}/examples/store@stable")
    figure, axes = plt.subplots(2, len(references), figsize=(12, 5), squeeze=False, layout="constrained")
    for (name, reference), column in zip(references.items(), axes.T, strict=True):
        speech = cloner.clone(TEXT, [reference])
        speech.save(ROOT / "docs" / "samples" / f"{name}.flac")
        duration = speech.duration_s
        column[0].imshow(
            speech.alignment[0].T, origin="lower", aspect="auto", extent=(0, duration, 0, speech.alignment[0].shape[1])
        )
        column[0].set(title=name, ylabel="symbol")
        mel = log_mel(speech.samples, config)
        column[1].imshow(mel, origin="lower", aspect="auto", extent=(0, duration, 0, config.n_mels), cmap="magma")
        column[1].set(xlabel="seconds", ylabel="mel band")
    figure.savefig(ROOT / "docs" / "samples" / "alignments.png", dpi=80)


if __name__ == "__main__":
    main()

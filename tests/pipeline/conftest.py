"""Small tables of made-up speech: patterns that a learner can learn, in the schemas of the real ones."""

import numpy as np
import pytest
import yaml

from pipeline import tables

WORDS = ("the cat sat.", "a dog ran home.", "we go on.", "no one knew.")


@pytest.fixture
def speech(tmp_path, monkeypatch, repository):
    """Eight speakers with six utterances each; a speaker is a spectral tilt, a letter a bump. In the current folder."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    mel = yaml.safe_load((repository / "params.yaml").read_text())["mel"]
    texts, voices, speaker_mels, acoustic_mels = [], [], [], []
    for speaker in range(8):
        tilt = random.normal(size=4)
        for utterance in range(6):
            row = {
                "utterance_id": f"s{speaker}_u{utterance}",
                "speaker_id": f"s{speaker}",
                "split": "validation" if speaker >= 6 else "train",
            }
            text = WORDS[utterance % len(WORDS)]
            frames = np.repeat([ord(letter) % 29 for letter in text], 3)

            def spectrum(n_mels, tilt=tilt, frames=frames):
                bands = np.linspace(-1, 1, n_mels)[:, None]
                shape = sum(weight * bands**power for power, weight in enumerate(tilt))
                bumps = np.exp(-((np.arange(n_mels)[:, None] - frames * n_mels / 29) ** 2) / 8)
                return (shape + 2 * bumps - 4 + 0.1 * random.normal(size=bumps.shape)).astype(np.float32)

            for table, n_mels in ((speaker_mels, mel["speaker"]["n_mels"]), (acoustic_mels, 80)):
                values = spectrum(n_mels)
                table.append(row | {"n_frames": values.shape[1], "mel": values.ravel()})
            texts.append({"utterance_id": row["utterance_id"], "normalized_text": text})
            voices.append(row | {"embedding": (tilt / np.linalg.norm(tilt)).astype(np.float32)})
    tables.write_shard(
        tmp_path / "data/mels/speaker/part-00000.parquet", tables.MELS, speaker_mels, mel_of(mel, "speaker")
    )
    tables.write_shard(
        tmp_path / "data/mels/acoustic/part-00000.parquet", tables.MELS, acoustic_mels, mel_of(mel, "acoustic")
    )
    tables.write_shard(tmp_path / "data/corpus/part-00000.parquet", tables.CORPUS, texts)
    tables.write_shard(tmp_path / "data/speakers/utterances.parquet", tables.UTTERANCE_EMBEDDINGS, voices)
    return tmp_path


def mel_of(mel, name):
    return {"mel": mel[name]}

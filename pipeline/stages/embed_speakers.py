"""Embed every utterance and every speaker: `data/speakers`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.speaker_encoder import SpeakerEncoder, load_encoder
from peewee_model.networks.device import inference_device
from pipeline import tables

MELS = Path("data/mels/speaker")
ENCODER = Path("models/encoder")
SPEAKERS = Path("data/speakers")


def embed_speakers() -> None:
    """Write the embedding of each utterance, and of each speaker: the normalised mean of the speaker's utterances.

    Utterances are in the order of the mels, which is the corpus's, so that readers can read the tables side by side.
    """
    device = inference_device()
    encoder = load_encoder(ENCODER).to(device)
    rows = [_embed(encoder, row, device) for row in tables.iter_rows(MELS)]
    config = tables.mel_metadata(tables.mel_config(MELS, SpeakerMelConfig))
    tables.write_shard(SPEAKERS / "utterances.parquet", tables.UTTERANCE_EMBEDDINGS, rows, config, 1024)
    tables.write_shard(SPEAKERS / "speakers.parquet", tables.SPEAKER_EMBEDDINGS, _speakers(rows), config, 1024)


def _embed(encoder: SpeakerEncoder, row: dict[str, Any], device: str) -> dict[str, Any]:
    mel = torch.tensor(tables.shaped_mel(row["mel"], encoder.config.mel.n_mels), device=device)
    embedding = encoder.embed_utterance(mel).cpu().numpy()
    return {key: row[key] for key in ("utterance_id", "speaker_id", "split")} | {"embedding": embedding}


def _speakers(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    by_speaker: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:  # a speaker who is held out in part has an embedding for each split
        by_speaker.setdefault((row["speaker_id"], row["split"]), []).append(row)
    return [
        {
            "speaker_id": speaker,
            "split": split,
            "n_utterances": len(of_speaker),
            "embedding": _centroid([row["embedding"] for row in of_speaker]),
        }
        for (speaker, split), of_speaker in sorted(by_speaker.items())
    ]


def _centroid(embeddings: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    mean: NDArray[np.float64] = np.mean(embeddings, axis=0, dtype=np.float64)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)

"""Embeddings of all utterances, and of speakers, by a small encoder."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.config import EncoderConfig
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.networks.weights import save_model
from pipeline import tables
from pipeline.stages.embed_speakers import ENCODER, MELS, SPEAKERS, embed_speakers
from tests.pipeline.training.encoder.test_learner import params


@pytest.fixture
def encoder(speech):
    """An untrained encoder in `models/encoder`, beside the small tables."""
    torch.manual_seed(0)
    config = EncoderConfig.of(params().architecture, tables.mel_config(MELS, SpeakerMelConfig))
    encoder = SpeakerEncoder(config).eval()
    save_model(ENCODER, encoder, config, "float32")
    return encoder


def rows(name):
    return pq.read_table(SPEAKERS / name).to_pylist()


def test_each_utterance_has_its_embedding_in_the_order_of_the_mels(encoder):
    """Readers go through both tables side by side."""
    embed_speakers()
    mels, found = list(tables.iter_rows(MELS)), rows("utterances.parquet")
    assert [row["utterance_id"] for row in found] == [row["utterance_id"] for row in mels]
    mel = torch.tensor(tables.shaped_mel(mels[7]["mel"], encoder.config.mel.n_mels))
    with torch.inference_mode():
        expected = encoder.embed_utterance(mel).numpy()
    np.testing.assert_allclose(found[7]["embedding"], expected, atol=1e-6)


def test_speaker_is_the_normalised_mean_of_its_utterances(encoder):
    """Each utterance counts alike."""
    embed_speakers()
    speakers, utterances = rows("speakers.parquet"), rows("utterances.parquet")
    assert [row["speaker_id"] for row in speakers] == [f"s{number}" for number in range(8)]
    for speaker in speakers:
        own = [row["embedding"] for row in utterances if row["speaker_id"] == speaker["speaker_id"]]
        mean = np.mean(own, axis=0)
        assert speaker["n_utterances"] == len(own) == 6
        np.testing.assert_allclose(speaker["embedding"], mean / np.linalg.norm(mean), atol=1e-6)


def test_speaker_who_is_held_out_in_part_has_a_voice_in_each_split(encoder):
    """A voice of training would else be made of held-out speech too."""
    table = [
        row | {"split": "test" if row["utterance_id"] == "s0_u5" else row["split"]} for row in tables.iter_rows(MELS)
    ]
    metadata = tables.mel_metadata(tables.mel_config(MELS, SpeakerMelConfig))
    tables.write_shard(MELS / "part-00000.parquet", tables.MELS, table, metadata)
    embed_speakers()
    found = [(row["split"], row["n_utterances"]) for row in rows("speakers.parquet") if row["speaker_id"] == "s0"]
    assert found == [("test", 1), ("train", 5)]

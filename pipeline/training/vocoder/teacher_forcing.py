"""Mels that a synthesizer predicts for known recordings, similar to those that a vocoder receives in use."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.synthesizer.options import ForwardOptions
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from pipeline.training.loop.ragged import Ragged
from pipeline.training.spoken_texts import SpokenTexts

_BATCH_UTTERANCES = 16


def teacher_forced_mels(
    corpus: Path, mels: Path, embeddings: Path, synthesizer: Path, split: str, seed: int, device: str
) -> Ragged:
    """Predict the mels of a split; each utterance has the voice of another utterance of its speaker.

    Args:
        corpus: Folder of the corpus, for its texts.
        mels: Folder of the acoustic mels.
        embeddings: The table of utterance embeddings.
        synthesizer: The model's folder.
        split: Which utterances.
        seed: Seed of the prenet's dropout, and of the choice of the utterance for the voice.
        device: Where the synthesizer runs.

    Returns:
        Rows in the order of the mels, of the same lengths: (T, M) each.
    """
    model = load_synthesizer(synthesizer).to(device)
    n_mels = model.config.mel.n_mels
    tokenizer = Tokenizer(TextConfig.model_validate(model.config.text))
    texts = SpokenTexts(corpus, mels, embeddings, split, tokenizer, n_mels)

    def rows() -> Iterator[NDArray[np.float32]]:
        for first in range(0, len(texts), _BATCH_UTTERANCES):
            picked = np.arange(first, min(first + _BATCH_UTTERANCES, len(texts)))
            batch = texts.batch(picked, np.random.default_rng((seed, first)))
            # With dropout in the prenet, as when the model speaks on its own.
            options = ForwardOptions(generator=torch.Generator(device).manual_seed(seed * 1_000_003 + first))
            *given, _ = (value.to(device) for value in batch)  # the model does not take `wrong_voice`
            with torch.inference_mode():
                drawn = model(*given, options=options).mel_after.cpu().numpy()
            for mel, length in zip(drawn, batch.mel_lengths.tolist(), strict=True):
                yield mel[:, :length].T

    return Ragged(rows(), np.float32, n_mels)

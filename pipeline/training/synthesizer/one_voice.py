"""Starts the training of a synthesizer of many voices from a synthesizer of one voice."""

import json
import logging
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from peewee_model.synthesizer.factory import load_synthesizer
from peewee_model.synthesizer.synthesizer import Synthesizer
from pipeline.training.loop.starting_weights import check_same_model

logger = logging.getLogger(__name__)


def is_of_one_voice(folder: Path) -> bool:
    """Return whether a release's synthesizer has no speaker embedding."""
    return bool(json.loads((folder / "config.json").read_bytes()).get("speaker_embedding_dim") == 0)


def start_from_one_voice(folder: Path, model: Synthesizer) -> None:
    """Fill a synthesizer of many voices with the weights of one without a speaker embedding, in place.

    Layers that receive the encoded text also receive the embedding, appended to it. Their weights for the embedding are
    set to zero. Layers that receive the embedding alone start as they are, and change nothing at first. So the training
    starts with the one voice for every embedding, and learns how embeddings change it.

    Args:
        folder: The synthesizer of one voice in the release.
        model: Made for the config that is asked for, which may differ in `speaker_embedding_dim` alone.

    Raises:
        ConfigError: If anything else differs; every field that does is named.
    """
    check_same_model(folder, model.config.model_copy(update={"speaker_embedding_dim": 0}))
    narrow = load_synthesizer(folder).state_dict()
    model.load_state_dict(
        {name: _widened(narrow.get(name, wide), wide.shape) for name, wide in model.state_dict().items()}
    )
    logger.info("weights_of=%s speaker_embedding_dim=0 -> %d", folder, model.config.speaker_embedding_dim)


def _widened(weight: Tensor, shape: torch.Size) -> Tensor:
    return weight if weight.shape == shape else F.pad(weight, (0, shape[-1] - weight.shape[-1]))

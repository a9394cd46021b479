"""Small synthesizers, and batches for them."""

import pytest
import torch

from pipeline.training.synthesizer.losses import SynthesizerLossConfig
from tests.peewee_model.synthesizer.configs import small_config

LOSS = SynthesizerLossConfig(
    stop_weight=1.0,
    stop_positive_weight=5.0,
    guided_attention_weight=1.0,
    guided_attention_sigma=0.2,
    aligner_weight=1.0,
    duration_weight=0.1,
)


@pytest.fixture
def make_config():
    return small_config


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)

"""Small synthesizers, and batches for them."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from peewee_model.audio.mel import MelConfig
from peewee_model.synthesizer.config import SynthesizerConfig
from pipeline.training.synthesizer.losses import SynthesizerLossConfig

MEL = MelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=8, f_min=0.0, f_max=8000.0, log_floor=1e-3
)

LOSS = SynthesizerLossConfig(
    stop_weight=1.0,
    stop_positive_weight=5.0,
    guided_attention_weight=1.0,
    guided_attention_sigma=0.2,
    aligner_weight=1.0,
    duration_weight=0.1,
)


def small_config(**changes: Any) -> SynthesizerConfig:
    fields: dict[str, Any] = {
        "mel": MEL,
        "text": {"units": "graphemes", "language": "en-us"},
        "n_symbols": 12,
        "speaker_embedding_dim": 6,
        "symbol_embedding_dim": 16,
        "encoder_n_convolutions": 2,
        "encoder_kernel_size": 5,
        "encoder_dropout": 0.5,
        "prenet_dim": 10,
        "prenet_dropout": 0.5,
        "attention_rnn_dim": 20,
        "attention_dim": 9,
        "attention_location_n_filters": 4,
        "attention_location_kernel_size": 7,
        "attention_dropout": 0.1,
        "decoder_rnn_dim": 18,
        "decoder_dropout": 0.1,
        "aligner_channels": 11,
        "duration_predictor_channels": 13,
        "frame_decoder_channels": 14,
        "frame_decoder_n_convolutions": 2,
        "postnet_n_convolutions": 3,
        "postnet_channels": 12,
        "postnet_kernel_size": 5,
        "postnet_dropout": 0.5,
        "reduction_factor": 1,
    }
    return SynthesizerConfig.model_validate(fields | changes)


@pytest.fixture
def make_config() -> Callable[..., SynthesizerConfig]:
    return small_config


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)

"""The learner of the speaker encoder: batches of partial utterances, and the EER on unseen voices."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from pydantic import Field, model_validator
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from peewee_model.audio.mel import SpeakerMelConfig
from peewee_model.encoder.config import EncoderArchitecture, EncoderConfig
from peewee_model.encoder.speaker_encoder import SpeakerEncoder
from peewee_model.errors import PeeweeError
from pipeline import tables
from pipeline.params.params import Section
from pipeline.training.encoder.augmentation import Augmentation, SpeakerAugmentation
from pipeline.training.encoder.learning_rates import LearningRate
from pipeline.training.encoder.losses import LossSettings, SpeakerLoss
from pipeline.training.encoder.partial_utterances import Cuts, Partials, PartialUtterances, SpeakerMels
from pipeline.training.loop.loop import Schedule, original
from pipeline.verification import all_pairs, equal_error_rate

log = logging.getLogger(__name__)


class EncoderTraining(Section):
    """How the encoder is trained (`encoder.training`)."""

    schedule: Schedule
    loss: LossSettings
    n_speakers: int = Field(ge=2)
    """N, speakers in a batch. GE2E's paper has 64."""
    n_utterances: int = Field(ge=1)
    """U, partial utterances of each. GE2E's paper has 10."""
    partial_frames_min: int = Field(ge=2)
    """Shortest length of partial utterances; each batch has one random length. GE2E's paper has 140."""
    partial_frames_max: int
    """Longest length of partial utterances. GE2E's paper has 180."""
    augmentation: Augmentation
    optimizer: Literal["sgd", "adam", "adamw"]
    """GE2E's paper has SGD; Adam needs far fewer steps on small corpora."""
    learning_rate: LearningRate
    weight_decay: float = Field(ge=0)
    """Weight decay, of matrices alone; `adamw` applies it apart from the gradient. ECAPA-TDNN's paper has 2e-5, and
    2e-4 for the weights of AAM-softmax."""
    gradient_clip: float = Field(gt=0)
    """L2 norm above which the encoder's gradient is scaled down. GE2E's paper has 3."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.partial_frames_max < self.partial_frames_min:
            raise ValueError(
                f"partial_frames_max is {self.partial_frames_max}, below partial_frames_min {self.partial_frames_min}"
            )
        if self.n_utterances < 2 and self.loss.compares_utterances:
            raise ValueError(f"n_utterances is {self.n_utterances}, but loss.kind {self.loss.kind} compares at least 2")
        return self


class EncoderParams(Section):
    """`encoder` in params.yaml."""

    architecture: EncoderArchitecture
    training: EncoderTraining


class TooFewSpeakersError(PeeweeError):
    """A split does not hold enough speakers or utterances to train on or to measure."""


class EncoderLearner:
    """Training of the speaker encoder.

    Args:
        mels: The folder of the speaker mels.
        params: `encoder` in params.yaml.

    Raises:
        TooFewSpeakersError: If a split can't fill a batch or can't be measured.
    """

    monitor = "eer"
    candidates_from = 0

    def __init__(self, mels: Path, params: EncoderParams) -> None:
        mel = tables.mel_config(mels, SpeakerMelConfig)
        self._training = training = params.training
        silence_db = params.architecture.silence_db
        train = SpeakerMels.load(mels, "train", mel.n_mels, silence_db)
        # With speakers of the training, the EER would be better than on other speakers.
        self._validation = SpeakerMels.load(mels, "validation", mel.n_mels, without=train.utterances_of.keys())
        self._partials = PartialUtterances(train, mel, _cuts(training))
        self._check()
        self._augment = SpeakerAugmentation(training.augmentation, mel)
        torch.manual_seed(training.schedule.seed)
        self.config = EncoderConfig.of(params.architecture, mel)
        encoder = SpeakerEncoder(self.config)
        loss = SpeakerLoss(training.loss, self._partials.n_speakers, self.config.embedding_dim)
        encoder.set_statistics(*map(torch.from_numpy, train.frames.statistics()))
        self.modules: dict[str, nn.Module] = {"encoder": encoder, "loss": loss}
        self.optimizers: dict[str, Optimizer] = {"encoder": _optimizer(training, encoder, loss)}

    def _check(self) -> None:
        n_validation = sum(len(rows) > 1 for rows in self._validation.utterances_of.values())
        if self._partials.n_speakers < 2 or n_validation < 2:
            raise TooFewSpeakersError(
                f"{self._partials.n_speakers} training speakers have two utterances of "
                f"{self._training.partial_frames_min} frames or more, and {n_validation} validation speakers, who are "
                "not trained on, have two utterances; both need at least 2. Lower encoder.training.partial_frames_min, "
                "raise ingest.split.validation_fraction or add speakers"
            )

    @property
    def _encoder(self) -> SpeakerEncoder:
        return cast(SpeakerEncoder, original(self.modules["encoder"]))

    def batch(self, index: int) -> Partials:
        """Cut the partial utterances of batch `index`; they are augmented in `train_step`, on the device."""
        return self._partials.batch(index)

    def train_step(self, batch: Partials, step: int, fabric: Fabric) -> Mapping[str, torch.Tensor]:
        """Do one step. For GE2E's loss, its gradients are scaled as in the paper."""
        n_speakers, n_utterances = batch.mels.shape[:2]
        encoder, loss, optimizer = self.modules["encoder"], self.modules["loss"], self.optimizers["encoder"]
        rate = self._training.learning_rate.at(step, self._training.schedule.steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        mels = self._augment(batch.mels.flatten(0, 1), batch.seed)
        embeddings = encoder(mels).reshape(n_speakers, n_utterances, -1)
        value = loss(embeddings, batch.speakers, step)
        optimizer.zero_grad()
        fabric.backward(value)
        if self._training.loss.kind.startswith("ge2e"):
            with torch.no_grad():  # section 3.1: the projection's gradient x 0.5, that of w and b x 0.01
                _scale_gradients(self._encoder.network.projection, 0.5)
                _scale_gradients(loss, 0.01)
        fabric.clip_gradients(encoder, optimizer, max_norm=self._training.gradient_clip)
        optimizer.step()
        return {"loss": value}

    def validate(self) -> Mapping[str, float]:
        """Compute the EER over all pairs of the validation speakers' utterances, which are embedded as at inference."""
        encoder = self._encoder
        device = encoder.mel_mean.device
        frames = self._validation.frames
        mels = [torch.from_numpy(np.array(frames[row]).T).to(device) for row in range(len(frames))]
        embeddings = encoder.embed_utterances(mels).cpu().numpy()
        eer, _ = equal_error_rate(*all_pairs(embeddings, self._validation.speakers))
        return {"eer": eer}


def _cuts(training: EncoderTraining) -> Cuts:
    return Cuts(
        n_speakers=training.n_speakers,
        n_utterances=training.n_utterances,
        frames_min=training.partial_frames_min,
        frames_max=training.partial_frames_max,
        speeds=tuple(training.augmentation.speeds),
        max_tempo_change=training.augmentation.max_tempo_change,
        seed=training.schedule.seed,
    )


def _optimizer(training: EncoderTraining, encoder: nn.Module, loss: nn.Module) -> Optimizer:
    parameters = [*encoder.parameters(), *loss.parameters()]
    groups: list[dict[str, Any]] = [
        {"params": [parameter for parameter in parameters if parameter.dim() > 1]},
        {"params": [parameter for parameter in parameters if parameter.dim() <= 1], "weight_decay": 0.0},
    ]
    kinds: dict[str, type[SGD | Adam | AdamW]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
    return kinds[training.optimizer](groups, lr=training.learning_rate.peak, weight_decay=training.weight_decay)


def _scale_gradients(module: nn.Module, factor: float) -> None:
    for parameter in module.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(factor)

"""The learner of HiFi-GAN: segments of recordings, two optimizers, and measurements of copy-synthesis."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from peewee_model.errors import ConfigError
from peewee_model.vocoder.hifi_gan import GeneratorArchitecture, HiFiGan, HiFiGanConfig, add_weight_norm
from peewee_model.vocoder.log_mel import LogMel
from pipeline.params.params import Section
from pipeline.training.loop.loop import Schedule
from pipeline.training.loop.ragged import Ragged
from pipeline.training.vocoder.discriminators import (
    DiscriminatorArchitecture,
    Discriminators,
    Judgements,
    adversarial_loss,
    discriminator_loss,
    feature_loss,
)
from pipeline.training.vocoder.recordings import NoRecordingsError, Recordings


class HiFiGanTraining(Section):
    """How HiFi-GAN is trained (`vocoder.hifi_gan.training`)."""

    schedule: Schedule
    fine_tune_steps: int = Field(ge=0)
    """Number of last steps that use mels of the synthesizer under teacher forcing; 0 to use only recordings' mels."""
    batch_size: int = Field(ge=1)
    """Segments in a batch. The paper has 16."""
    segment_frames: int = Field(ge=2)
    """Frames in a segment; there are (segment_frames - 1) * hop_length samples between their centres. The paper has
    8192 samples."""
    learning_rate: float
    """AdamW's first step size. The paper has 2e-4."""
    betas: tuple[float, float]
    """AdamW's. The paper has 0.8, 0.99."""
    weight_decay: float
    """AdamW's. The paper has 0.01."""
    learning_rate_decay: float
    """Factor on the step size, every `decay_every` steps. The paper has 0.999."""
    decay_every: int = Field(ge=1)
    """Steps. The paper has an epoch."""
    feature_loss_weight: float
    """Of the feature matching loss. The paper has 2."""
    mel_loss_weight: float
    """Of the L1 between log-mels. The paper has 45."""
    mel_loss_f_max: float
    """Hz, upper edge of the mels in that loss; above the vocoder's own f_max, so that the loss includes the
    band between. The authors' code has half the sample rate."""
    mel_loss_floor: float
    """Magnitudes below this are raised to it in that loss. The authors' code has 1e-5."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.fine_tune_steps > self.schedule.steps:
            raise ValueError(
                f"fine_tune_steps is {self.fine_tune_steps}, but schedule.steps only {self.schedule.steps}"
            )
        if self.fine_tune_steps and self.schedule.patience:
            raise ValueError("an early stop would skip fine-tuning, which comes last; set schedule.patience to 0")
        return self


class HiFiGanParams(Section):
    """`vocoder.hifi_gan` in params.yaml."""

    generator: GeneratorArchitecture
    discriminators: DiscriminatorArchitecture
    training: HiFiGanTraining


def check_loss_mel(training: HiFiGanTraining, sample_rate: int) -> None:
    """Raise a ConfigError if the loss asks for mels above half the sample rate."""
    if training.mel_loss_f_max > sample_rate / 2:
        raise ConfigError(
            f"vocoder.hifi_gan.training.mel_loss_f_max is {training.mel_loss_f_max:g} Hz, but mels of {sample_rate} Hz "
            f"hold nothing above {sample_rate / 2:g} Hz; set it to that or less"
        )


class VocoderBatch(NamedTuple):
    """Segments; a tuple, so that Fabric can move it."""

    mel: Tensor  # (B, M, T)
    samples: Tensor  # (B, (T - 1) * hop_length)


class HiFiGanLearner:
    """Adversarial training of HiFi-GAN.

    Args:
        corpus: Folder of the corpus, for its audio.
        mels: Folder of the acoustic mels.
        forced_mels: Gives a split's teacher-forced mels; called only if the last steps use them.
        params: `vocoder.hifi_gan` in params.yaml.
        n_validation: Utterances of validation speakers that are measured.

    Raises:
        NoRecordingsError: If a split is empty.
        ConfigError: If the generator's upsampling is not the mels' hop, or a loss is asked for above half their rate.
    """

    candidates_from = 0

    def __init__(
        self, corpus: Path, mels: Path, forced_mels: Callable[[str], Ragged], params: HiFiGanParams, n_validation: int
    ) -> None:
        self._training = training = params.training
        self._train, self._validation = Recordings(corpus, mels, "train"), Recordings(corpus, mels, "validation")
        mel = self._train.config
        torch.manual_seed(training.schedule.seed)
        self.config = HiFiGanConfig(arch="hifi_gan", mel=mel, **params.generator.model_dump())
        generator = HiFiGan(self.config)  # before the long work below, so that contradicting sizes raise at once
        add_weight_norm(generator)
        check_loss_mel(training, mel.sample_rate)
        if not len(self._train):
            raise NoRecordingsError(f"{corpus} holds no training utterances; lower ingest.split's fractions")
        self._rows = validation_rows(self._validation.mels, n_validation)
        tuned = training.fine_tune_steps > 0
        self._forced = {split: forced_mels(split) for split in ("train", "validation")} if tuned else {}
        # The best weights are chosen by the mels that the vocoder will receive in use.
        self.monitor = "forced_mel_l1" if tuned else "copy_mel_l1"
        self._chances = self._train.mels.lengths / self._train.mels.lengths.sum()
        loss_mel = {"f_max": training.mel_loss_f_max, "log_floor": training.mel_loss_floor}
        self._loss_mel = LogMel(mel.model_validate(mel.model_dump() | loss_mel))
        self._own_mel = LogMel(mel)
        discriminators = Discriminators(params.discriminators)
        self.modules: dict[str, nn.Module] = {"generator": generator, "discriminators": discriminators}
        self.optimizers: dict[str, Optimizer] = {
            name: AdamW(module.parameters(), training.learning_rate, training.betas, weight_decay=training.weight_decay)
            for name, module in self.modules.items()
        }

    def batch(self, index: int) -> VocoderBatch:
        """Draw segments; all frames of the training split are equally likely."""
        random = np.random.default_rng((self._training.schedule.seed, index))
        n_frames = self._training.segment_frames
        mels, samples = [], []
        for row in random.choice(len(self._train), self._training.batch_size, p=self._chances).tolist():
            start = int(random.integers(max(1, int(self._train.mels.lengths[row]) - n_frames + 1)))
            mel, recording = self._train.segment(row, start, n_frames)
            if self._is_fine_tuning(index):
                mel = self._train.frames(self._forced["train"], row, start, n_frames)
            mels.append(mel)
            samples.append(recording)
        return VocoderBatch(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(samples)))

    def _is_fine_tuning(self, index: int) -> bool:
        # The loop draws a batch a process; set by torchrun.
        step = index // int(os.environ.get("WORLD_SIZE", "1"))
        return bool(self._forced) and step >= self._training.schedule.steps - self._training.fine_tune_steps

    def train_step(self, batch: VocoderBatch, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """One step of the discriminators, then one of the generator.

        Source:
            Kong et al. 2020, arXiv:2010.05646, equations 5 and 6.
        """
        rate = self._training.learning_rate * self._training.learning_rate_decay ** (step // self._training.decay_every)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate
        generated = self.modules["generator"](batch.mel)
        judging = discriminator_loss(*self._judge(batch.samples, generated.detach()))
        self._step("discriminators", judging, fabric)
        real, fake = self._judge(batch.samples, generated)
        mel_of = self._loss_mel.to(generated.device)
        losses = {
            "discriminator": judging,
            "adversarial": adversarial_loss(fake),
            "feature": feature_loss(real, fake),
            "mel": F.l1_loss(mel_of(generated), mel_of(batch.samples)),
        }
        total = (
            losses["adversarial"]
            + self._training.feature_loss_weight * losses["feature"]
            + self._training.mel_loss_weight * losses["mel"]
        )
        self._step("generator", total, fabric)
        return losses

    def _judge(self, real: Tensor, generated: Tensor) -> tuple[Judgements, Judgements]:
        """Judge both in one pass: the weights are normalised once, and DDP requires one forward pass a backward
        pass."""
        both = self.modules["discriminators"](torch.cat([real, generated]))
        halves = [[feature.chunk(2) for feature in judgement] for judgement in both]
        return [[a for a, _ in judgement] for judgement in halves], [[b for _, b in judgement] for judgement in halves]

    def _step(self, name: str, loss: Tensor, fabric: Fabric) -> None:
        self.optimizers[name].zero_grad()
        fabric.backward(loss)
        self.optimizers[name].step()

    def validate(self) -> Mapping[str, float]:
        """Compute the L1 between log-mels of recordings and of their copies, from their own and from forced mels."""
        metrics = {"copy_mel_l1": self._distance(self._validation.mels)}
        if self._forced:
            metrics["forced_mel_l1"] = self._distance(self._forced["validation"])
        return metrics

    def _distance(self, mels: Ragged) -> float:
        generator = self.modules["generator"]
        device = next(generator.parameters()).device
        mel_of = self._own_mel.to(device)
        distances = []
        for row in self._rows.tolist():
            mel = torch.from_numpy(np.array(mels[row]).T).to(device)
            target = torch.from_numpy(np.array(self._validation.mels[row]).T).to(device)
            distances.append(float(F.l1_loss(mel_of(generator(mel[None]))[0], target)))
        return float(np.mean(distances))


def validation_rows(mels: Ragged, n: int) -> NDArray[np.int64]:
    """Choose at most n rows evenly over a split, so that they are of many speakers. (n,)

    Raises:
        NoRecordingsError: If there are none.
    """
    if not len(mels):
        raise NoRecordingsError("no validation utterances; raise ingest.split.validation_fraction or add speakers")
    return np.unique(np.linspace(0, len(mels) - 1, n).round().astype(np.int64))

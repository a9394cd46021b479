"""What GE2E training brings to the loop: batches of N speakers x U partial utterances, and the EER on unseen voices."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import SGD, Adam, Optimizer

from peewee_model.audio.mel import MelConfig
from peewee_model.encoder.model import EncoderArchitecture, EncoderConfig, SpeakerEncoder
from peewee_model.errors import PeeweeError
from pipeline import tables
from pipeline.params import Section
from pipeline.training.ge2e import GE2ELoss
from pipeline.training.loop import Schedule, original
from pipeline.training.ragged import Ragged
from pipeline.verification import all_pairs, equal_error_rate

log = logging.getLogger(__name__)


class EncoderTraining(Section):
    """How the encoder is trained (`encoder.training`)."""

    schedule: Schedule
    n_speakers: int
    """N, speakers in a batch. The paper has 64."""
    n_utterances: int
    """U, partial utterances of each. The paper has 10."""
    partial_frames_min: int
    """A batch's partial utterances are all of one random length, at least this. The paper has 140."""
    partial_frames_max: int
    """And at most this. The paper has 180."""
    optimizer: Literal["sgd", "adam"]
    """The paper has SGD; Adam needs far fewer steps on small corpora."""
    learning_rate: float
    """Step size. The paper has 0.01, for SGD."""
    halve_every: int
    """Steps after which the learning rate is halved; 0 for never. The paper has 30 million."""
    gradient_clip: float
    """L2 norm above which the encoder's gradient is scaled down. The paper has 3."""


class EncoderParams(Section):
    """`encoder` in params.yaml."""

    architecture: EncoderArchitecture
    training: EncoderTraining


class TooFewSpeakersError(PeeweeError):
    """A split does not hold enough speakers or utterances to train on or to measure."""


@dataclass(frozen=True)
class SpeakerMels:
    """The speaker mels of a split: frames on disk, and which rows are whose."""

    frames: Ragged
    speakers: NDArray[np.str_]
    utterances_of: dict[str, NDArray[np.int64]]

    @classmethod
    def load(cls, folder: Path, split: str, n_mels: int) -> "SpeakerMels":
        """Stream a split of the table into the memory map."""
        speakers: list[str] = []

        def frames() -> Any:
            for row in tables.iter_rows(folder, ["speaker_id", "split", "mel"]):
                if row["split"] == split:
                    speakers.append(row["speaker_id"])
                    yield row["mel"].reshape(n_mels, -1).T  # frame-major: a partial is one run of bytes

        ragged = Ragged(frames(), np.float32, n_mels)
        names = np.array(speakers, dtype=np.str_)
        return cls(ragged, names, {name: np.flatnonzero(names == name) for name in np.unique(names).tolist()})


class EncoderLearner:
    """GE2E training of the speaker encoder.

    Args:
        mels: The folder of the speaker mels.
        params: `encoder` in params.yaml.

    Raises:
        TooFewSpeakersError: If a split can't fill a batch or can't be measured.
    """

    released = "encoder"
    monitor = "eer"

    def __init__(self, mels: Path, params: EncoderParams) -> None:
        mel = MelConfig.model_validate(tables.read_metadata(mels)["mel"])
        self._training = params.training
        self._train = SpeakerMels.load(mels, "train", mel.n_mels)
        self._validation = SpeakerMels.load(mels, "validation", mel.n_mels)
        self._shortest = params.training.partial_frames_min
        self._speakers = [
            name
            for name, rows in self._train.utterances_of.items()
            if (self._train.frames.lengths[rows] >= self._shortest).sum() >= 2
        ]
        self._check()
        torch.manual_seed(params.training.schedule.seed)
        self.config = EncoderConfig(mel=mel, **params.architecture.model_dump())
        encoder, loss = SpeakerEncoder(self.config), GE2ELoss()
        encoder.set_statistics(*map(torch.from_numpy, self._train.frames.statistics()))
        self.modules: dict[str, nn.Module] = {"encoder": encoder, "loss": loss}
        parameters = [*encoder.parameters(), *loss.parameters()]
        rate = params.training.learning_rate
        optimizer: Optimizer = SGD(parameters, rate) if params.training.optimizer == "sgd" else Adam(parameters, rate)
        self.optimizers: dict[str, Optimizer] = {"encoder": optimizer}

    def _check(self) -> None:
        n_validation = sum(len(rows) > 1 for rows in self._validation.utterances_of.values())
        if len(self._speakers) < 2 or n_validation < 2:
            raise TooFewSpeakersError(
                f"{len(self._speakers)} training speakers have two utterances of {self._shortest} frames or more, and "
                f"{n_validation} validation speakers have two utterances; both need at least 2. Lower "
                "encoder.training.partial_frames_min, raise ingest.split.validation_fraction or add speakers"
            )

    @property
    def _encoder(self) -> SpeakerEncoder:
        return cast(SpeakerEncoder, original(self.modules["encoder"]))

    def batch(self, index: int) -> Tensor:
        """Draw speakers, then a partial utterance of one length from utterances of each. (N, U, M, T)"""
        random = np.random.default_rng((self._training.schedule.seed, index))
        n_speakers = min(self._training.n_speakers, len(self._speakers))
        names = random.choice(len(self._speakers), n_speakers, replace=False)
        wanted = int(random.integers(self._shortest, self._training.partial_frames_max + 1))
        long_enough = []
        for name in names:
            rows = self._train.utterances_of[self._speakers[name]]
            long_enough.append(rows[self._train.frames.lengths[rows] >= self._shortest])
        # No padding: the batch is as long as it can be with two utterances of every speaker in it.
        available = min(int(np.sort(self._train.frames.lengths[rows])[-2]) for rows in long_enough)
        n_frames = min(wanted, available)
        picked = [self._partials(rows, n_frames, random) for rows in long_enough]
        return torch.from_numpy(np.stack(picked)).transpose(2, 3)  # (N, U, T, M) as stored -> (N, U, M, T)

    def _partials(self, rows: NDArray[np.int64], n_frames: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Cut a partial out of U utterances; a speaker with fewer gives several partials of some."""
        rows = rows[self._train.frames.lengths[rows] >= n_frames]
        n = self._training.n_utterances
        order = np.concatenate([random.permutation(rows) for _ in range(-(-n // len(rows)))])[:n]
        starts = [int(random.integers(self._train.frames.lengths[row] - n_frames + 1)) for row in order]
        cuts = zip(order.tolist(), starts, strict=True)
        return np.stack([self._train.frames[row][start : start + n_frames] for row, start in cuts])

    def train_step(self, batch: Tensor, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """One step of GE2E, with the paper's scaling of gradients."""
        n_speakers, n_utterances, n_mels, n_frames = batch.shape
        encoder, loss, optimizer = self.modules["encoder"], self.modules["loss"], self.optimizers["encoder"]
        halvings = step // self._training.halve_every if self._training.halve_every else 0
        for group in optimizer.param_groups:
            group["lr"] = self._training.learning_rate * 0.5**halvings
        embeddings = encoder(batch.reshape(-1, n_mels, n_frames)).reshape(n_speakers, n_utterances, -1)
        value = loss(embeddings)
        optimizer.zero_grad()
        fabric.backward(value)
        with torch.no_grad():  # section 3.1: the projection's gradient x 0.5, that of w and b x 0.01
            _scale_gradients(self._encoder.projection, 0.5)
            _scale_gradients(loss, 0.01)
        fabric.clip_gradients(encoder, optimizer, max_norm=self._training.gradient_clip)
        optimizer.step()
        return {"loss": value}

    def validate(self) -> Mapping[str, float]:
        """EER over all pairs of the validation speakers' utterances, embedded whole."""
        encoder = self._encoder
        device = next(encoder.parameters()).device
        embeddings = [
            encoder.embed_utterance(torch.from_numpy(np.array(self._validation.frames[row]).T).to(device)).cpu()
            for row in range(len(self._validation.frames))
        ]
        eer, _ = equal_error_rate(*all_pairs(torch.stack(embeddings).numpy(), self._validation.speakers))
        return {"eer": eer}


def _scale_gradients(module: nn.Module, factor: float) -> None:
    for parameter in module.parameters():
        if parameter.grad is not None:
            parameter.grad.mul_(factor)

"""What Tacotron 2 training brings to the loop: batches of (tokens, mel, a voice), and alignments on unseen voices."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from peewee_model.audio.mel import MelConfig
from peewee_model.errors import PeeweeError
from peewee_model.synthesizer.alignment import diagonality, focus_rate
from peewee_model.synthesizer.loss import SynthesizerLossConfig, synthesizer_losses
from peewee_model.synthesizer.model import SynthesizerArchitecture, SynthesizerConfig, Tacotron2
from peewee_model.text.config import TextConfig
from peewee_model.text.symbols import Tokenizer
from pipeline import tables
from pipeline.params import Section
from pipeline.training.batching import LengthBuckets
from pipeline.training.loop import Schedule
from pipeline.training.ragged import Ragged

log = logging.getLogger(__name__)


class SynthesizerTraining(Section):
    """How the synthesizer is trained (`synthesizer.training`)."""

    schedule: Schedule
    frame_budget: int
    """Padded mel frames in a batch, at most: what memory and time follow."""
    learning_rate: float
    """Adam's step size until `decay_from`. The paper has 1e-3."""
    final_learning_rate: float
    """What it falls to, exponentially, at the last step. The paper has 1e-5."""
    decay_from: int
    """Step from which the learning rate falls. The paper has 50,000."""
    weight_decay: float
    """L2 weight. The paper has 1e-6."""
    gradient_clip: float
    """L2 norm above which the gradient is scaled down."""
    n_validation: int
    """Utterances of validation speakers that are measured, the first by id."""
    min_diagonality: float
    """The training fails if the best weights' alignments on validation speakers are less diagonal than this."""


class SynthesizerParams(Section):
    """`synthesizer` in params.yaml."""

    architecture: SynthesizerArchitecture
    loss: SynthesizerLossConfig
    training: SynthesizerTraining


class NotAlignedError(PeeweeError):
    """The attention found no diagonal within its step budget: such a model does not speak."""


class SynthesizerBatch(NamedTuple):
    """A padded batch on one device; a tuple, so that Fabric can move it."""

    tokens: Tensor  # (B, L)
    token_lengths: Tensor  # (B,)
    mel: Tensor  # (B, M, T)
    mel_lengths: Tensor  # (B,)
    speaker_embedding: Tensor  # (B, E)


class SpokenTexts:
    """A split's tokens, acoustic mels and utterance embeddings, memory-mapped, row by row of one utterance each.

    The three tables are written shard by shard in one order, so that they are read side by side, in one pass.
    """

    def __init__(self, corpus: Path, mels: Path, embeddings: Path, split: str, tokenizer: Tokenizer, n_mels: int):
        """Stream a split into memory maps.

        Raises:
            TableError: If the tables are not of the same utterances in the same order.
        """
        self._speakers: list[str] = []
        tokens: list[NDArray[np.int16]] = []
        voices: list[NDArray[np.float32]] = []

        def frames() -> Iterator[NDArray[np.float32]]:
            for text, mel, voice in _side_by_side(corpus, mels, embeddings):
                if mel["split"] == split:
                    self._speakers.append(mel["speaker_id"])
                    tokens.append(np.array(tokenizer.encode(text["normalized_text"]), dtype=np.int16))
                    voices.append(voice["embedding"])
                    yield mel["mel"].reshape(n_mels, -1).T

        self.mels = Ragged(frames(), np.float32, n_mels)
        self.tokens = Ragged((row[:, None] for row in tokens), np.int16, 1)
        self.embeddings = np.stack(voices) if voices else np.zeros((0, 1), np.float32)
        names = np.array(self._speakers)
        self.utterances_of = {name: np.flatnonzero(names == name) for name in np.unique(names).tolist()}

    def __len__(self) -> int:
        return len(self.mels)

    def batch(self, rows: NDArray[np.int64], random: np.random.Generator) -> SynthesizerBatch:
        """Pad utterances into a batch, each with the embedding of ANOTHER utterance of its speaker.

        The embedding of the target itself would leak how that sentence was spoken. A speaker with a single utterance
        has no other, and gives its own.
        """
        token_lengths, mel_lengths = self.tokens.lengths[rows], self.mels.lengths[rows]
        n_mels = self.mels[int(rows[0])].shape[1]
        tokens = np.zeros((len(rows), int(token_lengths.max())), dtype=np.int64)
        mel = np.zeros((len(rows), int(mel_lengths.max()), n_mels), dtype=np.float32)
        voices = []
        for item, row in enumerate(rows.tolist()):
            tokens[item, : token_lengths[item]] = self.tokens[row][:, 0]
            mel[item, : mel_lengths[item]] = self.mels[row]
            own = self.utterances_of[self._speakers[row]]
            others = own[own != row]
            voices.append(self.embeddings[random.choice(others) if len(others) else row])
        return SynthesizerBatch(
            torch.from_numpy(tokens),
            torch.from_numpy(token_lengths),
            torch.from_numpy(mel).transpose(1, 2),  # frame-major as stored -> (B, M, T)
            torch.from_numpy(mel_lengths),
            torch.from_numpy(np.stack(voices)),
        )


def _side_by_side(corpus: Path, mels: Path, embeddings: Path) -> Iterator[tuple[dict[str, Any], ...]]:
    texts = tables.iter_rows(corpus, ["utterance_id", "normalized_text"])
    frames = tables.iter_rows(mels, ["utterance_id", "speaker_id", "split", "mel"])
    voices = tables.iter_rows(embeddings, ["utterance_id", "embedding"])
    for rows in zip(texts, frames, voices, strict=True):
        if len({row["utterance_id"] for row in rows}) != 1:
            raise tables.TableError(
                f"{corpus}, {mels} and {embeddings} are not of the same utterances: "
                f"{' / '.join(row['utterance_id'] for row in rows)}; run `dvc repro`"
            )
        yield rows


class SynthesizerLearner:
    """Teacher-forced training of Tacotron 2 with the speaker embedding joined to the encoded text.

    Args:
        corpus: Folder of the corpus, for its texts.
        mels: Folder of the acoustic mels.
        embeddings: The table of utterance embeddings.
        params: `synthesizer` in params.yaml.
        text: `text` in params.yaml; it rides with the model.
    """

    released = "synthesizer"
    monitor = "loss"

    def __init__(self, corpus: Path, mels: Path, embeddings: Path, params: SynthesizerParams, text: TextConfig) -> None:
        mel = MelConfig.model_validate(tables.read_metadata(mels)["mel"])
        tokenizer = Tokenizer(text)
        self._params = params
        self._train = SpokenTexts(corpus, mels, embeddings, "train", tokenizer, mel.n_mels)
        self._validation = SpokenTexts(corpus, mels, embeddings, "validation", tokenizer, mel.n_mels)
        if not len(self._train) or not len(self._validation):
            raise PeeweeError(
                f"{len(self._train)} training and {len(self._validation)} validation utterances in {corpus}; both are "
                "needed. Raise ingest.split.validation_fraction or add speakers"
            )
        seed, budget = params.training.schedule.seed, params.training.frame_budget
        self._buckets = LengthBuckets(self._train.mels.lengths, budget, seed)
        torch.manual_seed(seed)
        config = SynthesizerConfig(
            mel=mel,
            text=text.model_dump(),
            n_symbols=tokenizer.n_symbols,
            speaker_embedding_dim=self._train.embeddings.shape[1],
            **params.architecture.model_dump(),
        )
        model = Tacotron2(config)
        training = params.training
        optimizer = Adam(model.parameters(), training.learning_rate, (0.9, 0.999), 1e-6, training.weight_decay)
        self.modules: dict[str, nn.Module] = {"synthesizer": model}
        self.optimizers: dict[str, Optimizer] = {"adam": optimizer}

    def batch(self, index: int) -> SynthesizerBatch:
        """Make batch `index`: utterances of like length, and for each a voice heard elsewhere."""
        random = np.random.default_rng((self._params.training.schedule.seed, index))
        return self._train.batch(self._buckets.batch(index), random)

    def train_step(self, batch: SynthesizerBatch, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """One step of Adam on the sum of the losses."""
        model, optimizer = self.modules["synthesizer"], self.optimizers["adam"]
        for group in optimizer.param_groups:
            group["lr"] = self._learning_rate(step)
        losses = self._losses(model, batch)
        optimizer.zero_grad()
        fabric.backward(losses["loss"])
        fabric.clip_gradients(model, optimizer, max_norm=self._params.training.gradient_clip)
        optimizer.step()
        return losses

    def _learning_rate(self, step: int) -> float:
        training = self._params.training
        done = (step - training.decay_from) / max(1, training.schedule.steps - training.decay_from)
        return float(training.learning_rate * (training.final_learning_rate / training.learning_rate) ** max(0.0, done))

    def _losses(self, model: nn.Module, batch: SynthesizerBatch) -> dict[str, Tensor]:
        output = model(batch.tokens, batch.token_lengths, batch.mel, batch.mel_lengths, batch.speaker_embedding)
        return synthesizer_losses(output, batch.mel, batch.mel_lengths, batch.token_lengths, self._params.loss)

    def validate(self) -> Mapping[str, float]:
        """Losses under teacher forcing, and the alignments' figures, on speakers never trained on."""
        model = self.modules["synthesizer"]
        device = next(model.parameters()).device
        rows = np.arange(min(len(self._validation), self._params.training.n_validation))
        lengths = self._validation.mels.lengths[rows]
        buckets = LengthBuckets(lengths, self._params.training.frame_budget, seed=0)
        sums: dict[str, float] = {}
        n_seen = index = 0
        while n_seen < len(rows):
            picked = buckets.batch(index)
            batch = self._validation.batch(rows[picked], np.random.default_rng((0, index)))
            for name, value in self._measure(model, _to(batch, device)).items():
                sums[name] = sums.get(name, 0.0) + value * len(picked)
            n_seen, index = n_seen + len(picked), index + 1
        return {name: total / n_seen for name, total in sums.items()}

    def _measure(self, model: nn.Module, batch: SynthesizerBatch) -> dict[str, float]:
        output = model(batch.tokens, batch.token_lengths, batch.mel, batch.mel_lengths, batch.speaker_embedding)
        losses = synthesizer_losses(output, batch.mel, batch.mel_lengths, batch.token_lengths, self._params.loss)
        steps = -(-batch.mel_lengths // self._params.architecture.reduction_factor)
        valid = [
            output.alignment[item, : steps[item], : batch.token_lengths[item]].cpu() for item in range(len(steps))
        ]
        return {
            **{name: float(value) for name, value in losses.items()},
            "diagonality": float(np.mean([diagonality(alignment) for alignment in valid])),
            "focus_rate": float(np.mean([focus_rate(alignment) for alignment in valid])),
        }


def _to(batch: SynthesizerBatch, device: torch.device) -> SynthesizerBatch:
    return SynthesizerBatch(*(value.to(device) for value in batch))

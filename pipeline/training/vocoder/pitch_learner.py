"""The learner of a source-filter vocoder's pitch network."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from peewee_model.audio.mel import MelConfig
from peewee_model.vocoder.pitch import PitchArchitecture, PitchNetwork, pitch_targets
from peewee_model.vocoder.source_filter import SourceFilterArchitecture
from pipeline import tables
from pipeline.params.params import Section
from pipeline.training.loop.loop import Schedule, original
from pipeline.training.loop.ragged import Ragged
from pipeline.training.vocoder.pitch_tracks import track_pitches
from pipeline.training.vocoder.recordings import NoRecordingsError

_WARMUP_STEPS = 50


class PitchTraining(Section):
    """How the pitch network is trained (`vocoder.source_filter.training`)."""

    schedule: Schedule
    n_utterances: int = Field(ge=1)
    """Utterances of the training split to learn from, of as many speakers as there are. Finding their pitch takes a
    fifth of their duration on one core."""
    batch_size: int = Field(ge=1)
    """Segments in a batch."""
    segment_frames: int = Field(ge=2)
    """Frames in a segment."""
    learning_rate: float = Field(gt=0)
    """AdamW's, after its first steps; it falls to 0 as a cosine does."""
    blur_bands: float = Field(ge=0)
    """Greatest width of the Gaussian that blurs the bands, in bands: predicted mels have blurred harmonics."""
    blur_frames: float = Field(ge=0)
    """The same over time, in frames."""
    gain: float = Field(ge=0)
    """Greatest change of the level, in nats."""
    noise: float = Field(ge=0)
    """Greatest deviation of the noise that is added, in nats."""


class SourceFilterParams(SourceFilterArchitecture, Section):
    """`vocoder.source_filter` in params.yaml."""

    training: PitchTraining


class PitchBatch(NamedTuple):
    """Segments; a tuple, so that Fabric can move it."""

    mel: Tensor  # (B, M, T)
    pitch: Tensor  # (B, T)


class PitchLearner:
    """Supervised training of the pitch network, on mels that are blurred as a synthesizer blurs them.

    Args:
        corpus: Folder of the corpus, for its audio.
        mels: Folder of the acoustic mels.
        params: `vocoder.source_filter` in params.yaml.
        n_validation: Utterances of validation speakers that are measured.

    Raises:
        NoRecordingsError: If a split is empty.
    """

    candidates_from = 0
    monitor = "pitch_loss"

    def __init__(self, corpus: Path, mels: Path, params: SourceFilterParams, n_validation: int) -> None:
        self._training, self._pitch = params.training, params.pitch
        numbers = {"train": params.training.n_utterances, "validation": n_validation}
        self._tracks = {split: track_pitches(corpus, mels, split, n, params.pitch) for split, n in numbers.items()}
        for split, tracks in self._tracks.items():
            if not len(tracks.rows):
                raise NoRecordingsError(
                    f"{corpus} holds no {split} utterances; change the fractions of ingest.split, or add speakers"
                )
        lengths = self._tracks["train"].mels.lengths
        self._chances = lengths / lengths.sum()
        torch.manual_seed(params.training.schedule.seed)
        network = PitchNetwork(tables.mel_config(mels, MelConfig).n_mels, params.pitch)
        self.modules: dict[str, nn.Module] = {"pitch": network}
        self.optimizers: dict[str, Optimizer] = {"pitch": AdamW(network.parameters(), params.training.learning_rate)}

    def batch(self, index: int) -> PitchBatch:
        """Draw segments; all frames are equally likely."""
        random = np.random.default_rng((self._training.schedule.seed, index))
        tracks, n_frames = self._tracks["train"], self._training.segment_frames
        mels, pitches = [], []
        for row in random.choice(len(tracks.rows), self._training.batch_size, p=self._chances).tolist():
            start = int(random.integers(max(1, int(tracks.mels.lengths[row]) - n_frames + 1)))
            mels.append(self._blurred(_segment(tracks.mels, row, start, n_frames).T, random))
            pitches.append(_segment(tracks.pitches, row, start, n_frames)[:, 0])
        return PitchBatch(torch.from_numpy(np.stack(mels)), torch.from_numpy(np.stack(pitches)))

    def _blurred(self, mel: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float32]:
        """Blur a mel over bands and frames by random widths, and change its level. (M, T) -> (M, T)."""
        training = self._training
        blurred = _blur(mel, random.uniform(0, training.blur_bands), random.uniform(0, training.blur_frames))
        noise = random.standard_normal(mel.shape) * random.uniform(0, training.noise)
        return (blurred + random.uniform(-training.gain, training.gain) + noise).astype(np.float32)

    def train_step(self, batch: PitchBatch, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """One step against the cross-entropy."""
        done = step / max(1, self._training.schedule.steps)
        warm = min(1.0, (step + 1) / _WARMUP_STEPS)
        optimizer = self.optimizers["pitch"]
        for group in optimizer.param_groups:
            group["lr"] = self._training.learning_rate * warm * 0.5 * (1 + math.cos(math.pi * done))
        loss = pitch_loss(self.modules["pitch"](batch.mel), batch.pitch, self._pitch)
        optimizer.zero_grad()
        fabric.backward(loss)
        optimizer.step()
        return {"pitch_loss": loss}

    def validate(self) -> Mapping[str, float]:
        """Measure on validation speakers' mels, blurred by half of the greatest widths, since use is on such mels."""
        network, tracks = self.modules["pitch"], self._tracks["validation"]
        device = next(network.parameters()).device
        losses, voicing, semitones = [], [], []
        for row in range(len(tracks.rows)):
            mel = _blur(np.array(tracks.mels[row]).T, self._training.blur_bands / 2, self._training.blur_frames / 2)
            given = torch.from_numpy(mel.astype(np.float32)).to(device)
            pitch = np.array(tracks.pitches[row])[:, 0]
            with torch.inference_mode():
                logits = network(given[None])
                losses.append(float(pitch_loss(logits, torch.from_numpy(pitch).to(device)[None], self._pitch)))
            found = cast(PitchNetwork, original(network)).track(given)
            both = (found > 0) & (pitch > 0)
            voicing.append(float(((found > 0) != (pitch > 0)).mean()))
            semitones.append(12 * np.abs(np.log2(found[both] / pitch[both])))
        errors = np.concatenate(semitones)
        return {
            "pitch_loss": float(np.mean(losses)),
            "voicing_error": float(np.mean(voicing)),
            "pitch_error_semitones": float(np.median(errors)) if len(errors) else math.inf,
        }


def pitch_loss(logits: Tensor, pitch: Tensor, architecture: PitchArchitecture) -> Tensor:
    """Cross-entropy against the Gaussian around the true pitch: (B, n_bins + 1, T), (B, T) -> () in nats a frame."""
    return -(pitch_targets(pitch, architecture) * torch.log_softmax(logits, dim=1)).sum(dim=1).mean()


def _segment(values: Ragged, row: int, start: int, n_frames: int) -> NDArray[np.float32]:
    """Cut frames out of a row; the last is repeated after its end. -> (n_frames, width)."""
    found = np.asarray(values[row][start : start + n_frames], dtype=np.float32)
    return np.pad(found, ((0, n_frames - len(found)), (0, 0)), mode="edge")


def _blur(mel: NDArray[np.float32], bands: float, frames: float) -> NDArray[np.float64]:
    """Blur a mel by Gaussians of these widths. (M, T) -> (M, T)."""
    blurred: NDArray[np.float64] = _gaussian(mel.shape[0], bands) @ mel @ _gaussian(mel.shape[1], frames).T
    return blurred


def _gaussian(n: int, width: float) -> NDArray[np.float64]:
    """The matrix that blurs n places by a Gaussian; its rows sum to 1. (n, n)."""
    places = np.arange(n)
    weights = np.exp(-0.5 * ((places[:, None] - places) / max(width, 1e-3)) ** 2)
    blurring: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return blurring

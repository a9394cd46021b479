"""The speaker mels of a split, and batches of partial utterances from them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peewee_model.audio.mel import MelConfig, mel_frequencies
from peewee_model.encoder.silence import without_silence
from pipeline import tables
from pipeline.training.loop.ragged import Ragged

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SpeakerMels:
    """The speaker mels of a split, without silence: the frames on disk, and the rows of each speaker."""

    frames: Ragged
    speakers: NDArray[np.str_]
    utterances_of: dict[str, NDArray[np.int64]]

    @classmethod
    def load(
        cls, folder: Path, split: str, n_mels: int, silence_db: float = 0.0, without: Collection[str] = ()
    ) -> "SpeakerMels":
        """Stream a split of the table into a scratch file.

        Args:
            folder: Of the table.
            split: Which utterances.
            n_mels: M.
            silence_db: Frames this much below an utterance's loud ones are dropped; 0 keeps all.
            without: Speakers to leave out.
        """
        speakers: list[str] = []

        def frames() -> Iterator[Floats]:
            for row in tables.iter_rows(folder, ["speaker_id", "split", "mel"]):
                if row["split"] == split and row["speaker_id"] not in without:
                    speakers.append(row["speaker_id"])
                    mel = tables.shaped_mel(row["mel"], n_mels)
                    if silence_db:
                        mel = without_silence(torch.tensor(mel), silence_db).numpy()
                    yield mel.T  # frame-major: a partial is one run of bytes

        ragged = Ragged(frames(), np.float32, n_mels)
        names = np.array(speakers, dtype=np.str_)
        return cls(ragged, names, {name: np.flatnonzero(names == name) for name in np.unique(names).tolist()})


class Partials(NamedTuple):
    """A batch; a tuple, so that Fabric can move it."""

    mels: Tensor
    """(N, U, M, T)"""
    speakers: Tensor
    """Index of each speaker among all training speakers; a speaker at another speed is another speaker. (N,)"""
    seed: int
    """Seed of the batch's augmentation."""


@dataclass(frozen=True)
class Cuts:
    """How partial utterances are cut (their part of `encoder.training`)."""

    n_speakers: int
    n_utterances: int
    frames_min: int
    frames_max: int
    speeds: tuple[float, ...]
    max_tempo_change: float
    seed: int


@dataclass(frozen=True)
class _Voice:
    """A training speaker at a speed."""

    utterances: NDArray[np.int64]
    speed: float


class PartialUtterances:
    """Batches of N speakers x U partial utterances of one length.

    Args:
        mels: Of the training speakers.
        mel: Which mels.
        cuts: How many, how long.
    """

    def __init__(self, mels: SpeakerMels, mel: MelConfig, cuts: Cuts) -> None:
        self._frames, self._cuts = mels.frames, cuts
        self._voices: list[_Voice] = []
        for speed in (1.0, *cuts.speeds):
            for rows in mels.utterances_of.values():
                long_enough = rows[_lengths_at(self._frames.lengths[rows], speed) >= cuts.frames_min]
                if len(long_enough) >= 2:
                    self._voices.append(_Voice(long_enough, speed))
        self._bands_at = {speed: _band_weights(mel, speed) for speed in cuts.speeds}

    @property
    def n_speakers(self) -> int:
        """Number of speakers, including those at other speeds."""
        return len(self._voices)

    def batch(self, index: int) -> Partials:
        """Draw speakers, then a partial utterance of one length from utterances of each: a function of the index."""
        cuts = self._cuts
        random = np.random.default_rng((cuts.seed, index))
        drawn = random.choice(len(self._voices), min(cuts.n_speakers, len(self._voices)), replace=False)
        voices = [self._voices[number] for number in drawn]
        wanted = int(random.integers(cuts.frames_min, cuts.frames_max + 1))
        # No padding: the batch's length is limited so that two utterances of every speaker are long enough.
        lengths = [_lengths_at(self._frames.lengths[voice.utterances], voice.speed) for voice in voices]
        n_frames = min(wanted, *(int(np.sort(of_voice)[-2]) for of_voice in lengths))
        picked = np.stack([self._partials(voice, n_frames, random) for voice in voices])
        seed = int(random.integers(1 << 62))
        mels = torch.from_numpy(picked).transpose(2, 3)  # (N, U, T, M) as stored -> (N, U, M, T)
        return Partials(mels, torch.from_numpy(drawn), seed)

    def _partials(self, voice: _Voice, n_frames: int, random: np.random.Generator) -> Floats:
        """Cut partials out of U utterances; if a speaker has fewer, several are cut from some of them. (U, T, M)"""
        lengths = _lengths_at(self._frames.lengths[voice.utterances], voice.speed)
        rows = voice.utterances[lengths >= n_frames]
        n = self._cuts.n_utterances
        order = np.concatenate([random.permutation(rows) for _ in range(-(-n // len(rows)))])[:n]
        if voice.speed == 1.0 and not self._cuts.max_tempo_change:
            starts = [int(random.integers(self._frames.lengths[row] - n_frames + 1)) for row in order]
            cut = zip(order.tolist(), starts, strict=True)
            return np.stack([self._frames[row][start : start + n_frames] for row, start in cut])
        partials = np.stack([self._stretched(int(row), voice.speed, n_frames, random) for row in order])
        return partials if voice.speed == 1.0 else partials @ self._bands_at[voice.speed]

    def _stretched(self, row: int, speed: float, n_frames: int, random: np.random.Generator) -> Floats:
        """Cut a partial that is faster or slower than its utterance, by linear interpolation of frames. (T, M)"""
        tempo = random.uniform(1 - self._cuts.max_tempo_change, 1 + self._cuts.max_tempo_change)
        length = int(self._frames.lengths[row])
        pace = min(speed * tempo, (length - 1) / max(1, n_frames - 1))  # the utterance limits the speed
        room = max(0.0, length - 1 - pace * (n_frames - 1))
        position = np.minimum(random.uniform(0, room) + pace * np.arange(n_frames), length - 1)
        before = position.astype(np.int64)
        share = (position - before).astype(np.float32)[:, None]
        source = self._frames[row]
        stretched: Floats = source[before] * (1 - share) + source[np.minimum(before + 1, length - 1)] * share
        return stretched


def _lengths_at(lengths: NDArray[np.int64], speed: float) -> NDArray[np.int64]:
    """Return the numbers of frames of utterances at a speed."""
    return lengths if speed == 1.0 else np.asarray((lengths - 1) / speed, dtype=np.int64) + 1


def _band_weights(mel: MelConfig, speed: float) -> Floats:
    """Make the weights that turn the bands of a recording into those at another speed. (M, M)

    Column m belongs to the new band m, which is interpolated from the bands at 1/speed of its frequency. A slower voice
    has no energy above its highest band; there, the highest band is used.
    """
    centres = mel_frequencies(mel.n_mels + 2, mel.f_min, mel.f_max)[1:-1]
    source = np.interp(centres / speed, centres, np.arange(mel.n_mels))
    below = np.minimum(source.astype(np.int64), mel.n_mels - 2)
    weights = np.zeros((mel.n_mels, mel.n_mels), dtype=np.float32)
    bands = np.arange(mel.n_mels)
    weights[below, bands] = 1 - (source - below)
    weights[below + 1, bands] += source - below
    return weights

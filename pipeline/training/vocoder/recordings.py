"""The training data of a vocoder: samples and their mels, in scratch files, of the utterances that have a text."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac, quantize, resample
from peewee_model.audio.mel import MelConfig
from peewee_model.errors import PeeweeError
from pipeline import tables
from pipeline.training.loop.ragged import Ragged


class NoRecordingsError(PeeweeError):
    """A split holds nothing to train on or to measure."""


class Recordings:
    """A split's recordings at the mels' sample rate, and their mels, row by row of one utterance each."""

    def __init__(self, corpus: Path, mels: Path, split: str) -> None:
        """Stream a split into scratch files; samples are stored with 16 bits, as in the corpus.

        Raises:
            TableError: If corpus and mels are not of the same utterances in the same order, or of another length.
        """
        self.config = tables.mel_config(mels, MelConfig)
        written: list[str] = []
        seen: list[str] = []
        self.mels = Ragged(_frames(corpus, mels, split, self.config, seen), np.float32, self.config.n_mels)
        self.samples = Ragged(_samples(corpus, split, self.config, written), np.int16, 1)
        n_frames = 1 + self.samples.lengths // self.config.hop_length
        if written != seen or not np.array_equal(n_frames, self.mels.lengths):
            raise tables.TableError(f"{corpus} and {mels} are not of the same recordings; run `dvc repro`")

    def __len__(self) -> int:
        return len(self.mels)

    def segment(self, row: int, start: int, n_frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cut frames out of a row of the mels, and the samples between the centres of the first and the last.

        After the utterance's end there is silence.

        Returns:
            (M, n_frames) and ((n_frames - 1) * hop_length,)
        """
        samples = np.zeros((n_frames - 1) * self.config.hop_length, dtype=np.float32)
        first = start * self.config.hop_length
        found = self.samples[row][first : first + len(samples), 0]
        samples[: len(found)] = found
        return self.frames(self.mels, row, start, n_frames), samples / np.float32(32768)

    def frames(self, mels: Ragged, row: int, start: int, n_frames: int) -> NDArray[np.float32]:
        """Cut frames out of a row of mels, these or others of the same lengths. (M, n_frames)."""
        mel = np.full((n_frames, self.config.n_mels), np.log(self.config.log_floor), dtype=np.float32)
        found = mels[row][start : start + n_frames]
        mel[: len(found)] = found
        return mel.T  # frame-major as stored -> (M, n_frames)


def _frames(corpus: Path, mels: Path, split: str, config: MelConfig, names: list[str]) -> Iterator[NDArray[np.float32]]:
    for row in tables.rows_with_text(corpus, mels, split, ["mel"]):
        names.append(row["utterance_id"])
        yield tables.shaped_mel(row["mel"], config.n_mels).T  # a segment is then one run of bytes


def _samples(corpus: Path, split: str, config: MelConfig, names: list[str]) -> Iterator[NDArray[np.int16]]:
    for row in tables.rows_with_text(corpus, corpus, split, ["audio"]):
        names.append(row["utterance_id"])
        clip = decode_flac(row["audio"])
        yield quantize(resample(clip.samples, clip.sample_rate, config.sample_rate))[:, None]

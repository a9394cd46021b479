"""The pitch of recordings, as the targets of a pitch network."""

import math
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import decode_flac, resample
from peewee_model.audio.mel import MelConfig
from peewee_model.vocoder.pitch import PitchArchitecture
from pipeline import engine, tables
from pipeline.training.loop.ragged import Ragged

_BINS_PER_SEMITONE = 0.2  # of pYIN: its cost rises with their number


class PitchTracks(NamedTuple):
    """Mels of some utterances of a split, and the pitch of each frame."""

    rows: NDArray[np.int64]
    """Their numbers among the split's utterances that have a text. (N,)"""
    mels: Ragged
    """(T, M) each."""
    pitches: Ragged
    """Hz, 0 where unvoiced. (T, 1) each."""


def choose_rows(corpus: Path, split: str, n: int) -> NDArray[np.int64]:
    """Choose at most n utterances of a split that have a text, of as many speakers as there are, evenly. (N,)"""
    speakers: dict[str, int] = {}
    ranks = []
    for row in tables.rows_with_text(corpus, corpus, split, ["speaker_id"]):
        ranks.append(speakers.setdefault(row["speaker_id"], 0))
        speakers[row["speaker_id"]] += 1
    by_rank = [np.flatnonzero(np.array(ranks) == rank) for rank in range(max(ranks, default=-1) + 1)]
    chosen: list[NDArray[np.int64]] = [np.zeros(0, dtype=np.int64)]
    for rows in by_rank:  # the first of each speaker, then the second of each, and so on
        wanted = min(len(rows), n - sum(map(len, chosen)))
        chosen.append(rows[np.linspace(0, len(rows) - 1, wanted).round().astype(np.int64)])
    return np.sort(np.concatenate(chosen))


def track_pitches(corpus: Path, mels: Path, split: str, n: int, pitch: PitchArchitecture) -> PitchTracks:
    """Find the pitch of at most n utterances of a split with librosa's pYIN, in worker processes.

    It takes a fifth of the recordings' time on one core.

    Raises:
        TableError: If corpus and mels are not of the same utterances in the same order.

    Source:
        Mauch and Dixon 2014, "pYIN". DIO and Harvest (pyworld) are other extractors; librosa is here already.
    """
    config = tables.mel_config(mels, MelConfig)
    rows = choose_rows(corpus, split, n)
    found_mels, found_pitches = Ragged((), np.float32, config.n_mels), Ragged((), np.float32, 1)
    audio = (row["audio"] for row in _rows(corpus, corpus, split, "audio", rows))
    spectra = (tables.shaped_mel(row["mel"], config.n_mels) for row in _rows(corpus, mels, split, "mel", rows))
    tracks = engine.map_shards(partial(_pitch_of, config=config, pitch=pitch), audio, engine.workers())
    for mel, track in zip(spectra, tracks, strict=True):
        if mel.shape[1] != len(track):
            raise tables.TableError(f"{corpus} and {mels} are not of the same recordings; run `dvc repro`")
        found_mels.append(mel.T)
        found_pitches.append(track[:, None])
    return PitchTracks(rows, found_mels, found_pitches)


def _rows(corpus: Path, table: Path, split: str, column: str, chosen: NDArray[np.int64]) -> Iterator[dict[str, Any]]:
    wanted = set(chosen.tolist())
    for number, row in enumerate(tables.rows_with_text(corpus, table, split, [column])):
        if number in wanted:
            yield row


def _pitch_of(audio: bytes, config: MelConfig, pitch: PitchArchitecture) -> NDArray[np.float32]:
    """FLAC -> the pitch of each frame, in Hz, 0 where unvoiced. (T,)"""
    import librosa  # it imports numba, which compiles for seconds; here, so that only workers pay

    clip = decode_flac(audio)
    f0, voiced, _ = librosa.pyin(
        resample(clip.samples, clip.sample_rate, config.sample_rate),
        fmin=pitch.f_min,
        fmax=pitch.f_max,
        sr=config.sample_rate,
        frame_length=2 ** math.ceil(math.log2(3 * config.sample_rate / pitch.f_min)),  # three periods
        hop_length=config.hop_length,
        resolution=_BINS_PER_SEMITONE,
        center=True,
    )
    return np.where(voiced, f0, 0.0).astype(np.float32)

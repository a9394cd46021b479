"""A small corpus of machine-made voices with known pitch, and its acoustic mels, for tests of vocoders' trainings."""

import hashlib

import numpy as np

from peewee_model.audio.clip import encode_flac, resample
from peewee_model.audio.mel import MelConfig, log_mel
from pipeline import tables

MEL = {
    "sample_rate": 16000, "n_fft": 1024, "win_length": 1024, "hop_length": 256, "n_mels": 40,
    "f_min": 50.0, "f_max": 7000.0, "log_floor": 1e-3,
}  # fmt: skip


def voice(pitch, duration_s, sample_rate=16000):
    """Harmonics at a steady pitch for the middle two thirds, faint noise before and after."""
    t = np.arange(int(duration_s * sample_rate)) / sample_rate
    signal = sum(np.sin(2 * np.pi * pitch * k * t) / k for k in range(1, 20))
    voiced = (t > duration_s / 6) & (t < duration_s * 5 / 6)
    noise = np.random.default_rng(0).normal(size=t.size)
    return (0.15 * voiced * signal + 0.003 * noise).astype(np.float32)


def write_tables(corpus, mels, utterances, mel=MEL):
    """Write `(utterance_id, split, samples, sample_rate)` as a corpus and its acoustic mels.

    The speaker is what an utterance_id has before its `_`.
    """
    config = MelConfig(**mel)
    rows, spectra = [], []
    for name, split, samples, rate in utterances:
        audio = encode_flac(samples, rate)
        shared = {"utterance_id": name, "speaker_id": name.split("_")[0], "split": split}
        rows.append(
            shared
            | {"corpus": "test", "subset": "test", "chapter_id": "1", "text": "Ah.", "normalized_text": "ah."}
            | {"sample_rate": rate, "duration_s": len(samples) / rate, "trimmed_s": 0.0, "audio": audio}
            | {"audio_sha256": hashlib.sha256(audio).hexdigest()}
        )
        made = log_mel(resample(samples, rate, config.sample_rate), config)
        spectra.append(shared | {"n_frames": made.shape[1], "mel": made.reshape(-1)})
    tables.write_shard(corpus / "part-00000.parquet", tables.CORPUS, rows)
    tables.write_shard(mels / "part-00000.parquet", tables.MELS, spectra, {"mel": mel})

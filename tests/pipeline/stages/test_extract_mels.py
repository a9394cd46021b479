import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
import yaml

from peewee_model.audio.clip import decode_flac, encode_flac, resample
from peewee_model.audio.mel import MelConfig, SpeakerMelConfig, log_mel
from peewee_model.audio.speaker_mel import speaker_mel
from peewee_model.errors import AudioError
from pipeline import tables
from pipeline.stages import extract_mels

RATES = (24000, 16000, 22050)


def speech_like(seconds, sample_rate, seed):
    """A gliding voice: harmonics under a formant, in syllables, with a breath of noise."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * sample_rate)) / sample_rate
    pitch = rng.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * 3 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / sample_rate
    voice = sum(np.sin(k * phase) / (1 + ((k * pitch - 600) / 500) ** 2) for k in range(1, 25))
    samples = 0.1 * voice * np.sin(2 * np.pi * 2 * time) ** 2 + 1e-3 * rng.standard_normal(len(time))
    return samples.astype(np.float32)


def corpus_row(name, seed, audio=None):
    rate = RATES[seed % 3]
    return {
        "utterance_id": name,
        "corpus": "c",
        "subset": "s",
        "split": "train",
        "speaker_id": f"speaker{seed % 2}",
        "chapter_id": "1",
        "text": "Hello.",
        "normalized_text": "hello.",
        "sample_rate": rate,
        "duration_s": 1.0,
        "trimmed_s": 0.0,
        "audio": audio or encode_flac(speech_like(0.4 + 0.1 * (seed % 5), rate, seed), rate),
        "audio_sha256": "",
    }


@pytest.fixture
def workspace(tmp_path, monkeypatch, repository):
    """Three shards, one of them longer than a row group, and the repository's params.yaml."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PEEWEE_WORKERS", "1")
    (tmp_path / "params.yaml").write_bytes((repository / "params.yaml").read_bytes())
    for shard, n_rows in enumerate((3, 70, 5)):
        rows = [corpus_row(f"u{shard}_{row:03d}", 100 * shard + row % 7) for row in range(n_rows)]
        tables.write_shard(tmp_path / f"data/corpus/part-{shard:05d}.parquet", tables.CORPUS, rows)
    return tmp_path


def configs(root):
    mel = yaml.safe_load((root / "params.yaml").read_text())["mel"]
    return {"speaker": SpeakerMelConfig(**mel["speaker"]), "acoustic": MelConfig(**mel["acoustic"])}


def hashes(folder):
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def test_tables_hold_the_mels_of_every_utterance_in_its_place(workspace):
    """Both mels, at their own rates, with the corpus's shards, order and columns."""
    extract_mels.extract_mels()
    corpus = list(tables.iter_rows(workspace / "data/corpus"))
    for name, config in configs(workspace).items():
        folder = workspace / "data/mels" / name
        assert [path.name for path in tables.shards(folder)] == [f"part-{n:05d}.parquet" for n in range(3)]
        made = list(tables.iter_rows(folder))
        for key in ("utterance_id", "speaker_id", "split"):
            assert [row[key] for row in made] == [row[key] for row in corpus]
        for row, source in zip(made, corpus, strict=True):
            clip = decode_flac(source["audio"])
            make = speaker_mel if name == "speaker" else log_mel
            expected = make(resample(clip.samples, clip.sample_rate, config.sample_rate), config)
            assert row["n_frames"] == expected.shape[1]
            np.testing.assert_array_equal(row["mel"].reshape(config.n_mels, -1), expected)


def test_settings_ride_in_every_shard(workspace):
    """A reader needs no second file."""
    extract_mels.extract_mels()
    for name, config in configs(workspace).items():
        for shard in tables.shards(workspace / "data/mels" / name):
            assert tables.mel_config(shard, type(config)) == config


def test_old_shards_do_not_remain(workspace):
    """The corpus has become smaller."""
    extract_mels.extract_mels()
    (workspace / "data/corpus/part-00001.parquet").unlink()
    (workspace / "data/mels/speaker/part-00009.parquet.part").write_bytes(b"of a killed run")
    extract_mels.extract_mels()
    for name in ("speaker", "acoustic"):
        found = sorted(path.name for path in (workspace / "data/mels" / name).iterdir())
        assert found == ["part-00000.parquet", "part-00002.parquet"]


def test_damaged_utterance_is_named_and_leaves_no_part_of_a_shard(workspace):
    """The corpus holds checked audio only; if not, something is broken and a row can't just go missing."""
    broken = corpus_row("broken", 1, audio=b"fLaC and nothing behind it")
    tables.write_shard(workspace / "data/corpus/part-00001.parquet", tables.CORPUS, [corpus_row("fine", 0), broken])
    with pytest.raises(AudioError, match="broken"):
        extract_mels.extract_mels()
    assert sorted(path.name for path in (workspace / "data/mels").rglob("*.*")) == ["part-00000.parquet"] * 2


HERE = {"plain": (1, 1), "two workers backwards": (2, -1)}
ELSEWHERE = {
    "four threads, old kernel": {
        "OMP_NUM_THREADS": "4", "OPENBLAS_NUM_THREADS": "4", "OPENBLAS_CORETYPE": "Prescott",
    },
    "other kernel, no wide instructions": {
        "OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL",
    },
}  # fmt: skip
"""Two changes at once: what only one of them does to a byte is seen as well, and half of the processes are enough."""


def test_bytes_are_the_same_under_other_settings(workspace, repository):
    """T18: workers, threads, BLAS kernels, instructions, the order of shards and mels."""
    started = {}
    for setting, changes in ELSEWHERE.items():
        root = workspace / setting
        root.mkdir()
        (root / "data").mkdir()
        (root / "data/corpus").symlink_to(workspace / "data/corpus")
        (root / "params.yaml").symlink_to(workspace / "params.yaml")
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = {**os.environ, "PYTHONPATH": str(repository), **threads, **changes}
        command = [sys.executable, "-W", "ignore", "-m", "pipeline", "extract_mels"]
        started[setting] = subprocess.Popen(command, env=environment, cwd=root)
    found = {}
    for setting, (workers, order) in HERE.items():
        mels = dict(list(configs(workspace).items())[::order])
        shards = tables.shards(workspace / "data/corpus")[::order]
        extract_mels.extract_corpus(shards, mels, workspace / setting, workers)
        found[setting] = hashes(workspace / setting)
    for setting, process in started.items():
        assert process.wait(timeout=120) == 0, setting
        found[setting] = hashes(workspace / setting / "data/mels")
    assert len(found) == 4
    assert len(found["plain"]) == 6
    assert [setting for setting in found if found[setting] != found["plain"]] == []

"""Memory of ingest: the same for a corpus and for ten times as much of it."""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import soundfile

N_UTTERANCES = 200
DURATION_S = 4.0
RATE = 24_000
WORKERS = 2

_INGEST = f"""
import re, resource, sys
from pathlib import Path
from pipeline.ingest.prepare import IngestConfig
from pipeline.corpora.sources import Source
from pipeline.corpora.exclusions import Exclusions
from pipeline.ingest.corpus_table import ingest_corpus

if __name__ == "__main__":
    config = IngestConfig.model_validate(dict(
        min_duration_s=0.5, max_duration_s=20, min_sample_rate=16000, silence_db=40, trim_margin_s=0.05,
        min_characters_per_s=2, max_characters_per_s=40, max_rejected_fraction=0, shard_mib=32,
        split=dict(by_subset={{}}, by_speaker={{}}, within={{}}, validation_fraction=0.1, test_fraction=0, seed=1)))
    source = Source(corpus="noise", subset="train", url="file:x", md5=None, sha256=sys.argv[1], licence="none",
                    layout="libritts")
    ingest_corpus([source], config, Exclusions(), archives=Path("."), corpus=Path("corpus"),
                  utterances=Path("utterances.parquet"), rejected=Path("rejected.parquet"),
                  summary=Path("summary.json"), scratch=Path("scratch"), workers={WORKERS})
    # Not ru_maxrss: a process inherits that of the one that started it.
    driver = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
    print(driver / 1024, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
"""


def run():
    """Return peak memory in MiB, driver and workers together, for a corpus and for ten of it, and their ratio."""
    once, ten_times = _peak_mib(N_UTTERANCES), _peak_mib(10 * N_UTTERANCES)
    return {"ingest_peak_mib": once, "ingest_peak_mib_ten_times": ten_times, "ingest_memory_ratio": ten_times / once}


def _peak_mib(n_utterances):
    with tempfile.TemporaryDirectory() as folder:
        sha256 = _pack(Path(folder) / "noise-train.tar.gz", n_utterances)
        script = Path(folder) / "ingest.py"
        script.write_text(_INGEST)
        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        command = [sys.executable, str(script), sha256]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    driver, worker = (float(word) for word in done.stdout.split())
    return driver + WORKERS * worker


def _pack(path, n_utterances):
    """Pack noise that neither gzip nor FLAC makes small; all texts come last."""
    generator = np.random.default_rng(0)
    recordings = []
    for _ in range(8):
        buffer = io.BytesIO()
        noise = generator.normal(0, 0.1, round(DURATION_S * RATE)).clip(-0.9, 0.9)
        soundfile.write(buffer, noise, RATE, format="WAV", subtype="PCM_16")
        recordings.append(buffer.getvalue())
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for suffix in ("wav", "normalized.txt"):
            for number in range(n_utterances):
                speaker = number % 10
                content = recordings[number % 8] if suffix == "wav" else b"Noise that is no voice, and yet has a text."
                member = tarfile.TarInfo(f"LibriTTS/train/{speaker}/1/{speaker}_1_{number:06d}_000000.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name}={value:.2f}")

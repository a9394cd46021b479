"""Audit: two versions of 400,000 utterances compared, and a speaker looked up in them, with the memory it takes."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.tables import UTTERANCES
from tests.pipeline.audit.small_store import publish

N_UTTERANCES = 400_000
N_SPEAKERS = 2_500
WORDS = "the of and that with harbour evening letters quietly remembered mountain towards".split()  # noqa: SIM905
_ASK = """
import json, re, sys, time
from pathlib import Path
from peewee_model.store.store import open_store
from pipeline.audit import diff, trace
start = time.perf_counter()
if sys.argv[2] == "diff":
    data = diff.compare(open_store(sys.argv[1]), "before", "after").data
    found = [len(data.added), len(data.removed), len(data.changed["audio"]), len(data.changed["text"])]
else:
    answer = trace.trace(open_store(sys.argv[1]), "speaker", "toy_00042")
    found = [share.n_utterances for release in answer.appearances for share in release.shares]
seconds = time.perf_counter() - start
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps([seconds, peak, found]))
"""


def run():
    """Return seconds and peak memory in MiB of `audit diff` and `audit trace`, imports not counted in the seconds."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store")
        for channel, is_after in (("before", False), ("after", True)):
            publish(Path(folder) / channel, store, table(is_after), channel=channel)
        diff_s, diff_mib, found = _ask(store, "diff")
        assert found == [1000, 1000, 500, 400], found
        trace_s, trace_mib, counted = _ask(store, "trace")
        assert len(counted) == 2 and all(count > 100 for count in counted), counted
    return {
        "audit_diff_400000_s": diff_s,
        "audit_diff_peak_mib": diff_mib,
        "audit_trace_2_x_400000_s": trace_s,
        "audit_trace_peak_mib": trace_mib,
    }


def table(is_after):
    """Utterances like LibriTTS's; the second version lacks 1,000 of the first, has 1,000 others, and differs in 900."""
    random = np.random.default_rng(0)
    number = np.arange(N_UTTERANCES)
    speaker = number * N_SPEAKERS // N_UTTERANCES
    lengths = random.integers(5, 30, N_UTTERANCES)
    picked = random.integers(0, len(WORDS), lengths.sum())
    ends = np.cumsum(lengths)
    texts = [" ".join(WORDS[word] for word in picked[end - n : end]) for end, n in zip(ends, lengths, strict=True)]
    audio = [f"{n:064x}" for n in number]
    if is_after:
        number = np.where(number % 400 == 0, number + N_UTTERANCES, number)
        for n in range(1, N_UTTERANCES, 800):
            audio[n] = "f" * 64
        for n in range(2, N_UTTERANCES, 1000):
            texts[n] += "!"
    columns = {
        "utterance_id": [f"toy_{s:05d}_1_{n:09d}" for s, n in zip(speaker, number, strict=True)],
        "split": np.where(speaker % 20 == 0, "test", "train").tolist(),
        "speaker_id": [f"toy_{s:05d}" for s in speaker],
        "text": texts,
        "normalized_text": [text.lower() for text in texts],
        "duration_s": random.uniform(1, 15, N_UTTERANCES),
        "audio_sha256": audio,
    }
    others = {field.name: pa.nulls(N_UTTERANCES, field.type) for field in UTTERANCES if field.name not in columns}
    rows = pa.table(columns | others).select(UTTERANCES.names)
    return rows.sort_by([("speaker_id", "ascending"), ("utterance_id", "ascending")])


def _ask(store, question):
    command = [sys.executable, "-c", _ASK, store, question]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds, peak, found = json.loads(done.stdout)
    return seconds, peak, found


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name}={value:.2f}")

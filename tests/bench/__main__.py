"""`make bench`: every benchmark, one after the other, as a table; docs/benchmarks.md keeps the figures.

Ratios of two things measured side by side in one run mean something on any machine; seconds do not.
"""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from tests.bench import audit, encoder, extract, inference, ingest_memory, loader, store, synthesizer, text

TARGETS = {
    "ours_to_librosa": ">= 2",
    "ours_to_floor": ">= 0.6",
    "memory_ratio": "about 1",
    "ingest_memory_ratio": "about 1",
    "synthesizer_loader_frames_per_s": ">= 300,000",
    "synthesizer_loader_memory_ratio": "about 1",
    "encoder_loader_memory_ratio": "about 1",
    "step_to_bare_lstm": "<= 1.1",
    "whole_step_to_bare_lstm": "<= 1.1",
    "embed_lstm_to_resemblyzer": ">= 5",
    "embed_tdnn_to_resemblyzer": ">= 5",
    "ratio": ">= 2.5",
    "int8_to_torchaudio": ">= 4",
    "audit_diff_400000_s": "< 10",
    "publish_time_ratio": "<= 1.2",
    "publish_memory_ratio": "<= 1.2",
    "pull_time_ratio": "<= 1.2",
    "pull_memory_ratio": "<= 1.2",
    "cases_per_s": ">= 2,000",
    "corpus_texts_per_s": ">= 2,000",
}

if __name__ == "__main__":
    for benchmark in (extract, ingest_memory, loader, encoder, synthesizer, inference, audit, store, text):
        print(f"\n{benchmark.__name__}: {benchmark.__doc__.splitlines()[0]}", flush=True)
        for name, value in benchmark.run().items():
            print(f"  {name:28} {value:10.3f}  {TARGETS.get(name, '')}", flush=True)

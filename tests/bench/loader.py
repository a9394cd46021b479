"""The loaders alone: frames a second, and memory for a corpus and for ten times as much of it.

    python -m tests.bench.loader

Parquet tables of made-up speech are written, a learner is made of them as its stage makes it, and batches are taken
without a training step between them: the synthesizer's of 64,000 padded frames, the encoder's of 64 speakers x 10
partials. Memory is the most that a whole process took, tables read and all.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
N_UTTERANCES, N_SPEAKERS = 300, 70
FRAME_BUDGET = 64_000
MEASURED_S = 3.0
EMBEDDING_DIM = 256
_SENTENCE = "the cat sat on the mat, and the dog ran home to see whether it had rained. "


def run():
    """Measure each loader in fresh processes.

    Returns:
        Frames a second (padding not counted), peaks of memory in MiB, and their ratio.
    """
    found = {}
    for loader in ("synthesizer", "encoder"):
        once, ten_times = (_child(loader, n) for n in (N_UTTERANCES, 10 * N_UTTERANCES))
        found |= {
            f"{loader}_loader_frames_per_s": ten_times["frames_per_s"],
            f"{loader}_loader_peak_mib": once["peak_mib"],
            f"{loader}_loader_peak_mib_ten_times": ten_times["peak_mib"],
            f"{loader}_loader_memory_ratio": ten_times["peak_mib"] / once["peak_mib"],
        }
    return found


def _child(loader, n_utterances):
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        for task in ("write", "measure"):  # two processes: what it took to write is no part of what it takes to read
            command = [sys.executable, "-m", "tests.bench.loader", task, loader, str(n_utterances)]
            done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _rows(n_utterances, n_mels):
    """Rows of the three tables: 2 to 9 s of speech at 24 kHz with a hop of 256."""
    random = np.random.default_rng(0)
    values = random.normal(-3, 2, 1_000 * n_mels).astype(np.float32)
    for number in range(n_utterances):
        speaker = number % N_SPEAKERS
        split = "validation" if speaker < 4 else "train"
        told = {"utterance_id": f"u{number:06d}", "speaker_id": f"s{speaker:03d}", "split": split}
        n_frames = int(random.integers(188, 844))
        text = (_SENTENCE * 2)[: n_frames // 6]
        embedding = random.normal(size=EMBEDDING_DIM).astype(np.float32)
        mel = {**told, "n_frames": n_frames, "mel": values[: n_frames * n_mels]}
        yield {**told, "normalized_text": text}, mel, {**told, "embedding": embedding}


def _write(loader, n_utterances):
    from pipeline import tables
    from pipeline.params.params import read
    from pipeline.stages.extract_mels import Params

    mels = read(Params, ROOT / "params.yaml").mel
    config = mels.acoustic if loader == "synthesizer" else mels.speaker
    table, part = ("data/mels/acoustic" if loader == "synthesizer" else "data/mels/speaker"), "part-00000.parquet"
    with (
        tables.ShardWriter(Path("data/corpus") / part, tables.CORPUS) as texts,
        tables.ShardWriter(Path(table) / part, tables.MELS, {"mel": config.model_dump()}) as frames,
        tables.ShardWriter(Path("data/speakers/utterances.parquet"), tables.UTTERANCE_EMBEDDINGS) as voices,
    ):
        rows = list(_rows(n_utterances, config.n_mels))
        for start in range(0, n_utterances, 64):
            for writer, column in zip(
                (texts, frames, voices), zip(*rows[start : start + 64], strict=True), strict=True
            ):
                writer.write(column)


def _learner(loader):
    import yaml

    sections = yaml.safe_load((ROOT / "params.yaml").read_text())
    training = sections[loader]["training"]
    if loader == "encoder":
        from pipeline.training.encoder.learner import EncoderLearner, EncoderParams

        training |= {"n_speakers": 64, "n_utterances": 10, "partial_frames_min": 140, "partial_frames_max": 180}
        return EncoderLearner(Path("data/mels/speaker"), EncoderParams.model_validate(sections["encoder"]))
    from peewee_model.text.symbols.config import TextConfig
    from pipeline.training.synthesizer.learner import SynthesizerLearner, SynthesizerParams

    training |= {"frame_budget": FRAME_BUDGET}
    params = SynthesizerParams.model_validate(sections["synthesizer"])
    folders = (Path("data/corpus"), Path("data/mels/acoustic"), Path("data/speakers/utterances.parquet"))
    return SynthesizerLearner(*folders, params, TextConfig.model_validate(sections["text"]))


def _measure(loader):
    learner = _learner(loader)
    n_frames = index = 0
    start = time.perf_counter()
    while time.perf_counter() - start < MEASURED_S:
        batch = learner.batch(index)
        if loader == "encoder":
            n_speakers, n_utterances, _, length = batch.mels.shape
            n_frames += n_speakers * n_utterances * length
        else:
            n_frames += int(batch.mel_lengths.sum())
        index += 1
    taken = time.perf_counter() - start
    # Not ru_maxrss: a process inherits that of the one that started it.
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
    return {"frames_per_s": n_frames / taken, "peak_mib": peak / 1024}


def _main(arguments):
    if arguments[:1] == ["write"]:
        _write(arguments[1], int(arguments[2]))
    elif arguments[:1] == ["measure"]:
        print(json.dumps(_measure(arguments[1])))
    else:
        for name, value in run().items():
            print(f"{name}={value:.2f}")


if __name__ == "__main__":
    _main(sys.argv[1:])

"""The speaker encoder: a training step beside the bare LSTM, embedding beside Resemblyzer.

    python -m tests.bench.encoder [RECORDING ...]

The step is GE2E's, with the paper's network (3 LSTMs of 768 cells, projected to 256) and 160 frames, on 8 speakers x 4
utterances instead of 64 x 10: the smaller the batch, the more weigh loss, clipping and Adam. The bare LSTM is `nn.LSTM`
of that shape, forward and backward of the sum of its outputs. `step_*` is forward, loss and backward of our encoder;
`whole_step_*` is what the loop does: making the batch, clipping and Adam too.

Embedding is from samples to an embedding. Resemblyzer's way is `preprocess_wav` and `embed_utterance`; ours resamples,
makes the mel, embeds, with the sizes of the profile `local`. Both hear the same clips: recordings if they are given,
otherwise made-up voices. All is on one core; those that are compared take turns in one process, after a round to warm
up, and processor time is what counts.
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
N_ROUNDS = 3
N_SPEAKERS, N_UTTERANCES, N_FRAMES = 8, 4, 160
N_CLIPS = 8


def run(recordings=None):
    """Measure in fresh processes: threads are set before numpy and torch are loaded.

    Args:
        recordings: To embed; made-up voices if there are none.

    Returns:
        Seconds a step and their ratios to the bare LSTM's; seconds of audio a second and ratios to Resemblyzer's.
    """
    return _child("step") | _child("embed", *(str(path.resolve()) for path in recordings or []))


def _child(what, *arguments):
    command = [sys.executable, "-m", "tests.bench.encoder", f"--{what}", *arguments]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:  # the learner leaves its scratch where it runs
        environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    return found


def _in_turn(**jobs):
    """Seconds of processor time, the best of the rounds: other work on the machine is left out as far as it can be."""
    best = dict.fromkeys(jobs, float("inf"))
    for turn in range(N_ROUNDS + 1):
        for name, job in jobs.items():
            start = time.process_time()
            job()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


def _encoder_params():
    """`encoder` of the profile with GE2E's network and loss, with smaller batches."""
    from pipeline.profiles.overlay import load_overlay

    encoder = load_overlay("libritts-clean-100")["encoder"]
    encoder["training"] |= {
        "n_speakers": N_SPEAKERS, "n_utterances": N_UTTERANCES, "partial_frames_min": N_FRAMES,
        "partial_frames_max": N_FRAMES,
    }  # fmt: skip
    return encoder


def _write_mels(folder):
    """A table of noise, whose values cost nothing: 2 more speakers to validate on."""
    from pipeline import tables

    mel = {
        "sample_rate": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160, "n_mels": 40, "f_min": 20.0,
        "f_max": 7600.0, "log_floor": 1e-3, "loudness_lufs": None,
    }  # fmt: skip
    random = np.random.default_rng(0)
    rows = [
        {
            "utterance_id": f"{speaker}_{utterance}",
            "speaker_id": str(speaker),
            "split": "train" if speaker < N_SPEAKERS else "validation",
            "n_frames": 2 * N_FRAMES,
            "mel": random.normal(size=40 * 2 * N_FRAMES).astype(np.float32),
        }
        for speaker in range(N_SPEAKERS + 2)
        for utterance in range(N_UTTERANCES)
    ]
    tables.write_shard(folder / "part-00000.parquet", tables.MELS, rows, {"mel": mel})


def _measure_step():
    import torch
    from lightning_fabric import Fabric
    from torch import nn

    from peewee_model.networks.device import flush_denormals
    from pipeline.training.encoder.learner import EncoderLearner, EncoderParams

    flush_denormals()
    _write_mels(Path("mels"))
    learner = EncoderLearner(Path("mels"), EncoderParams.model_validate(_encoder_params()))
    encoder, loss = learner.modules["encoder"], learner.modules["loss"]
    fabric = Fabric(accelerator="cpu", devices=1)
    learner.modules["encoder"] = fabric.setup_module(encoder)
    learner.optimizers["encoder"] = fabric.setup_optimizers(learner.optimizers["encoder"])
    bare = nn.LSTM(40, 768, 3, batch_first=True, proj_size=256)
    frames = torch.randn(N_SPEAKERS * N_UTTERANCES, N_FRAMES, 40)
    batch = learner.batch(0)

    def bare_step():
        bare.zero_grad()
        bare(frames)[0].sum().backward()

    def step():
        encoder.zero_grad()
        embeddings = encoder(batch.mels.flatten(0, 1)).reshape(N_SPEAKERS, N_UTTERANCES, -1)
        loss(embeddings, batch.speakers, 0).backward()

    def whole_step():
        learner.train_step(learner.batch(1), 1, fabric)

    best = _in_turn(bare_lstm_s=bare_step, step_s=step, whole_step_s=whole_step)
    ratios = {f"{name}_to_bare_lstm": best[f"{name}_s"] / best["bare_lstm_s"] for name in ("step", "whole_step")}
    return best | ratios


def _measure_embedding(recordings):
    import torch
    from resemblyzer import VoiceEncoder, preprocess_wav

    from peewee_model.audio.clip import resample
    from peewee_model.audio.mel import SpeakerMelConfig
    from peewee_model.audio.speaker_mel import speaker_mel
    from peewee_model.encoder.config import EncoderArchitecture, EncoderConfig
    from peewee_model.encoder.speaker_encoder import SpeakerEncoder
    from peewee_model.networks.device import flush_denormals
    from peewee_model.recordings.reading import read_clip
    from pipeline.profiles.overlay import load_overlay
    from tests.bench.extract import RATE, made_up_voice

    flush_denormals()
    clips = [(clip.samples, clip.sample_rate) for clip in map(read_clip, map(Path, recordings))]
    clips = clips or [(made_up_voice(seed), RATE) for seed in range(N_CLIPS)]
    theirs = VoiceEncoder("cpu", verbose=False)
    architecture = load_overlay("local")["encoder"]["architecture"]

    def ours(arch, n_mels):
        mel = SpeakerMelConfig(
            sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=n_mels, f_min=20, f_max=7600,
            log_floor=1e-3, loudness_lufs=-23.0,
        )  # fmt: skip
        chosen = EncoderArchitecture.model_validate(architecture | {"arch": arch})
        encoder = SpeakerEncoder(EncoderConfig.of(chosen, mel)).eval()

        def embed():
            for samples, rate in clips:
                encoder.embed_utterance(torch.from_numpy(speaker_mel(resample(samples, rate, 16000), mel)))

        return embed

    def resemblyzer():
        for samples, rate in clips:
            theirs.embed_utterance(preprocess_wav(samples, source_sr=rate))

    networks = {"lstm": ours("lstm", 40), "tdnn": ours("tdnn", 80), "ecapa_tdnn": ours("ecapa_tdnn", 80)}
    best = _in_turn(resemblyzer=resemblyzer, **networks)
    duration_s = sum(len(samples) / rate for samples, rate in clips)
    speeds = {f"embed_{name}_x_realtime": duration_s / taken for name, taken in best.items()}
    return speeds | {f"embed_{name}_to_resemblyzer": best["resemblyzer"] / best[name] for name in networks}


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        print(json.dumps(_measure_step()))
    elif sys.argv[1:2] == ["--embed"]:
        print(json.dumps(_measure_embedding(sys.argv[2:])))
    else:
        for name, value in run([Path(argument) for argument in sys.argv[1:]]).items():
            print(f"  {name:28} {value:10.3f}")

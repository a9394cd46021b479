"""The speaker encoder with one thing changed at a time: `make ablation`, for docs/experiments.md.

    python -m tests.bench.ablation [--steps N] [ROW ...]

In a project whose params.yaml and tables (`dvc repro extract_mels`) are there. A row is `encoder` of params.yaml with
an overlay, trained for `--steps` steps. EERs are over all pairs, with 95 % from drawing speakers: of the validation
speakers, whose EER chose the weights and so flatters, and of the test speakers of whom nothing is trained on, who are
fewer and chose nothing. Cost is processor time; speed is from samples to embedding, on one core, beside Resemblyzer's.
Every row is printed when it is done, and kept in `.scratch/ablation.jsonl`.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

MELS, CORPUS = Path("data/mels/speaker"), Path("data/corpus")
KEPT = Path(".scratch/ablation.jsonl")
N_BOOTSTRAP = 400
N_TIMED = 24

NO_AUGMENTATION = {"equalizer_db": 0.0, "gain_db": 0.0, "masks": {"n_time": 0, "n_frequency": 0}}
LSTM = {"arch": "lstm", "lstm": {"hidden_dim": 128, "embedding_dim": 192}}
ROWS = {
    "as params.yaml has it": {},
    "seed 2": {"training": {"schedule": {"seed": 2}}},
    "seed 3": {"training": {"schedule": {"seed": 3}}},
    "loss: AAM-softmax alone": {"training": {"loss": {"kind": "aam_softmax"}}},
    "loss: angular prototypical alone": {"training": {"loss": {"kind": "angular_prototypical"}}},
    "loss: GE2E softmax": {"training": {"loss": {"kind": "ge2e_softmax"}}},
    "loss: GE2E contrast": {"training": {"loss": {"kind": "ge2e_contrast"}}},
    "augmentation: none": {"training": {"augmentation": NO_AUGMENTATION}},
    "augmentation: masks alone": {"training": {"augmentation": {"equalizer_db": 0.0, "gain_db": 0.0}}},
    "augmentation: and reverberation": {"training": {"augmentation": {"reverberation": {"probability": 0.4}}}},
    "augmentation: and noise, babble": {
        "training": {"augmentation": {"noise": {"probability": 0.4}, "babble": {"probability": 0.3}}}
    },
    "augmentation: and speeds 0.9, 1.1": {"training": {"augmentation": {"speeds": [0.9, 1.1]}}},
    "silence: 35 dB below is dropped": {"architecture": {"silence_db": 35.0}},
    "pooling: without input statistics": {"architecture": {"tdnn": {"input_statistics": False}}},
    "pooling: input statistics alone": {"architecture": {"tdnn": {"kernel_sizes": [], "dilations": []}}},
    "lstm, last": {"architecture": LSTM},
    "lstm, attentive statistics": {"architecture": LSTM | {"lstm": LSTM["lstm"] | {"pooling": "attentive_statistics"}}},
    "lstm, last, GE2E softmax": {"architecture": LSTM, "training": {"loss": {"kind": "ge2e_softmax"}}},
    "ecapa_tdnn": {
        "architecture": {"arch": "ecapa_tdnn", "ecapa_tdnn": {"channels": 96, "mfa_channels": 288, "stride": 2}}
    },
}
"""Overlays on `encoder` of params.yaml."""


def main():
    """Train and measure the rows that are named, or all, and the two references."""
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of: {'; '.join(ROWS)}")
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - ROWS.keys()
    if unknown:
        parser.error(f"no row {', '.join(sorted(unknown))}")
    KEPT.parent.mkdir(exist_ok=True)
    clips = list(_clips())
    print("| what | parameters | EER validation | EER test | trained, s | x real time |\n|---|---|---|---|---|---|")
    if not arguments.rows:
        _tell("Resemblyzer 0.1.4", 1_423_616, _resemblyzer(), clips, None)
        _tell("mean and deviation of MFCCs", 0, _mfcc(), clips, None)
    for name in arguments.rows or ROWS:
        encoder, seconds = _train(ROWS[name], arguments.steps)
        _tell(name, sum(weights.numel() for weights in encoder.parameters()), _ours(encoder), clips, seconds)


def _clips():
    """Held-out recordings of people of whom nothing was trained on."""
    from pipeline import tables

    columns = ["utterance_id", "speaker_id", "split"]
    trained = {row["speaker_id"] for row in tables.iter_rows(MELS, columns) if row["split"] == "train"}
    for row in tables.iter_rows(CORPUS, [*columns, "audio"]):
        if row["speaker_id"] not in trained:
            yield row


def _tell(name, n_parameters, embed, clips, seconds):
    from peewee_model.audio.clip import decode_flac
    from pipeline.evaluation import speakers
    from pipeline.verification import equal_error_rate

    found = {"row": name, "parameters": n_parameters, "trained_s": seconds}
    for split in ("validation", "test"):
        rows = [row for row in clips if row["split"] == split]
        voices = [row["speaker_id"] for row in rows]
        decoded = [decode_flac(row["audio"]) for row in rows]
        vectors = np.stack([embed(clip.samples, clip.sample_rate) for clip in decoded])
        trials = speakers.make_trials(voices, sys.maxsize, 0)
        scores = speakers.score_trials(vectors, trials)
        interval = speakers.bootstrap_eer(scores, trials, voices, N_BOOTSTRAP, 0)
        found[split] = [equal_error_rate(scores, trials.same)[0], *interval]
    timed = decoded[:N_TIMED]
    began = time.process_time()
    for clip in timed:
        embed(clip.samples, clip.sample_rate)
    found["x_realtime"] = sum(clip.duration_s for clip in timed) / (time.process_time() - began)
    with KEPT.open("a") as file:
        file.write(json.dumps(found) + "\n")
    rates = ["{:.2f} % ({:.1f} to {:.1f})".format(*(100 * value for value in found[s])) for s in ("validation", "test")]
    cost = "" if seconds is None else f"{seconds:.0f}"
    print(f"| {name} | {n_parameters:,} | {' | '.join(rates)} | {cost} | {found['x_realtime']:.0f} |", flush=True)


def _train(overlay, steps):
    from pipeline.params.params import PARAMS_FILE
    from pipeline.params.yaml_file import read_yaml
    from pipeline.profiles import overlay as profile
    from pipeline.training.encoder.learner import EncoderLearner, EncoderParams
    from pipeline.training.loop.loop import original, train

    encoder = read_yaml(PARAMS_FILE)["encoder"]
    profile.merge(encoder, overlay)
    schedule = {"steps": steps, "validate_every": max(1, steps // 6)}
    rate = {"warmup_steps": min(encoder["training"]["learning_rate"]["warmup_steps"], steps // 5)}
    profile.merge(encoder, {"training": {"schedule": schedule, "learning_rate": rate}})
    params = EncoderParams.model_validate(encoder)
    run = hashlib.sha256(json.dumps(encoder, sort_keys=True).encode()).hexdigest()[:12]
    learner = EncoderLearner(MELS, params)
    began = time.process_time()
    train(learner, params.training.schedule, f"ablation/{run}")
    return original(learner.modules["encoder"]).eval(), time.process_time() - began


def _ours(encoder):
    import torch

    from peewee_model.audio.clip import resample
    from peewee_model.audio.mel import log_mel

    mel = encoder.config.mel

    def embed(samples, rate):
        return encoder.embed_utterance(torch.from_numpy(log_mel(resample(samples, rate, mel.sample_rate), mel))).numpy()

    return embed


def _resemblyzer():
    from resemblyzer import VoiceEncoder, preprocess_wav

    encoder = VoiceEncoder("cpu", verbose=False)
    return lambda samples, rate: encoder.embed_utterance(preprocess_wav(samples, source_sr=rate))


def _mfcc():
    import librosa

    from peewee_model.audio.clip import resample

    def embed(samples, rate):
        coefficients = librosa.feature.mfcc(y=resample(samples, rate, 16000), sr=16000, n_mfcc=20)[1:]
        return np.concatenate([coefficients.mean(axis=1), coefficients.std(axis=1)])

    return embed


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()

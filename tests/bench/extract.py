"""extract_mels on one core beside a plain librosa loop, and beside what can't be saved; its memory.

    python -m tests.bench.extract [RECORDING ...]

Ours reads the corpus's Parquet (FLAC inside), decodes, resamples, makes both mels and writes both tables. librosa's
loop reads FLAC files, resamples, makes both `melspectrogram`s and saves them with numpy. The floor is the bare FLAC
decode, the bare resampling and the bare transforms of the same frames, laid out before, each timed by itself and
summed. All take turns in one process, and processor time is what counts.
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
RATE = 24_000
DURATIONS_S = (2.0, 3.0, 3.0, 4.0, 4.0, 6.0)  # means of corpora of read sentences are 3 to 6 s
N_UTTERANCES = 32
N_ROUNDS = 20
N_MEMORY_UTTERANCES = 200

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "PEEWEE_WORKERS"), "1")


def run(recordings=None):
    """Measure in fresh processes: threads and cores are set before numpy is loaded.

    Args:
        recordings: Of 24 kHz, cut into utterances; synthetic voices if there are none.

    Returns:
        Seconds of audio a second (`*_x_realtime`), the two ratios that have targets, and peaks of memory in MiB.
    """
    found = _child("speed", *(str(path.resolve()) for path in recordings or []))
    once, ten_times = (_child("memory", str(n))["peak_mib"] for n in (N_MEMORY_UTTERANCES, 10 * N_MEMORY_UTTERANCES))
    return found | {"peak_mib": once, "peak_mib_ten_times": ten_times, "memory_ratio": ten_times / once}


def _child(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.bench.extract", "--measure", *arguments]
        environment = {**os.environ, **_ONE_THREAD, "PYTHONPATH": str(ROOT), "TMPDIR": folder}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def made_up_voice(seed):
    """Harmonics under a formant in syllables, with a breath of noise that FLAC can't make small."""
    generator = np.random.default_rng(seed)
    moment = np.arange(int(DURATIONS_S[seed % len(DURATIONS_S)] * RATE)) / RATE
    pitch = generator.uniform(90, 220) * (1 + 0.1 * np.sin(2 * np.pi * 3 * moment))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(k * phase) / (1 + ((k * pitch - 600) / 500) ** 2) for k in range(1, 25))
    samples = 0.1 * voice * np.sin(2 * np.pi * 2 * moment) ** 2 + 2e-3 * generator.standard_normal(len(moment))
    return samples.astype(np.float32)


def _utterances(recordings):
    from peewee_model.audio.clip import resample
    from peewee_model.recordings.reading import read_clip

    if not recordings:
        return [made_up_voice(seed) for seed in range(N_UTTERANCES)]
    clips = [read_clip(path) for path in recordings]
    samples = np.concatenate([resample(clip.samples, clip.sample_rate, RATE) for clip in clips])
    cuts = np.cumsum(np.resize(DURATIONS_S, len(samples) // RATE)) * RATE
    return np.split(samples, cuts[cuts <= len(samples)].astype(int))[:-1]


def _write_corpus(path, flacs):
    from pipeline import tables

    empty = {field.name: "" if field.type == "string" else 0 for field in tables.CORPUS}
    with tables.ShardWriter(path, tables.CORPUS) as writer:
        for start in range(0, len(flacs), 64):
            group = enumerate(flacs[start : start + 64], start)
            told = {"speaker_id": "s", "split": "train", "sample_rate": RATE}
            writer.write([empty | told | {"utterance_id": f"u{n:06d}", "audio": flac} for n, flac in group])


def _mels():
    from pipeline.params.params import read
    from pipeline.stages.extract_mels import Params

    mel = read(Params, ROOT / "params.yaml").mel
    return {"speaker": mel.speaker, "acoustic": mel.acoustic}


def _librosa_loop(files):
    import librosa

    def loop():
        for path in files:
            samples, _ = librosa.load(path, sr=RATE)
            for name, config in _mels_cached.items():
                heard = samples
                if config.sample_rate != RATE:
                    heard = librosa.resample(samples, orig_sr=RATE, target_sr=config.sample_rate)
                mel = librosa.feature.melspectrogram(
                    y=heard,
                    sr=config.sample_rate,
                    n_fft=config.n_fft,
                    win_length=config.win_length,
                    hop_length=config.hop_length,
                    n_mels=config.n_mels,
                    fmin=config.f_min,
                    fmax=config.f_max,
                    power=1.0,
                )
                np.save(path.with_suffix(f".{name}.npy"), mel)

    _mels_cached = _mels()
    return loop


def _floor(flacs, utterances):
    import soundfile
    import soxr
    from scipy.fft import rfft

    blocks = []
    for config in _mels().values():
        for samples in utterances:
            padded = np.pad(soxr.resample(samples, RATE, config.sample_rate), config.n_fft // 2)
            frames = np.lib.stride_tricks.sliding_window_view(padded, config.n_fft)[:: config.hop_length]
            blocks += [np.ascontiguousarray(frames[start : start + 96]) for start in range(0, len(frames), 96)]
    rates = {config.sample_rate for config in _mels().values()} - {RATE}

    def each(work, *items):
        return lambda: deque(map(work, *items), maxlen=0)  # results are dropped at once

    return {
        "decode": each(lambda flac: soundfile.read(io.BytesIO(flac), dtype="float32"), flacs),
        "resample": each(lambda samples: [soxr.resample(samples, RATE, rate) for rate in rates], utterances),
        "fft": each(lambda block: rfft(block, axis=1), blocks),
    }


def _measure_speed(folder, recordings):
    from peewee_model.audio.clip import encode_flac
    from pipeline.stages.extract_mels import extract_shard

    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    utterances = _utterances(recordings)
    flacs = [encode_flac(samples, RATE) for samples in utterances]
    files = [folder / f"{number}.flac" for number in range(len(flacs))]
    for path, flac in zip(files, flacs, strict=True):
        path.write_bytes(flac)
    _write_corpus(folder / "corpus/part-00000.parquet", flacs)
    mels = _mels()
    works = {
        "ours": lambda: extract_shard(folder / "corpus/part-00000.parquet", mels, folder / "mels"),
        "librosa": _librosa_loop(files),
        **_floor(flacs, utterances),
    }
    times = {name: [] for name in works}
    for _ in range(N_ROUNDS):
        for name, work in works.items():
            work()  # not timed: in a long run each has the caches to itself
            start = time.process_time()  # what one core is busy with, whoever else is at work
            work()
            times[name].append(time.process_time() - start)
    audio_s = sum(len(samples) for samples in utterances) / RATE
    return _ratios({name: min(taken) for name, taken in times.items()}, audio_s)  # whatever disturbs only adds


def _ratios(taken, audio_s):
    floor = taken["decode"] + taken["resample"] + taken["fft"]
    return {
        "audio_s": audio_s,
        "ours_x_realtime": audio_s / taken["ours"],
        "librosa_x_realtime": audio_s / taken["librosa"],
        "floor_x_realtime": audio_s / floor,
        "ours_to_librosa": taken["librosa"] / taken["ours"],
        "ours_to_floor": floor / taken["ours"],
        **{f"{name}_ms": 1000 * seconds for name, seconds in taken.items()},
    }


def _measure_memory(folder, n_utterances):
    from peewee_model.audio.clip import encode_flac
    from pipeline.stages.extract_mels import extract_corpus

    flacs = [encode_flac(made_up_voice(seed), RATE) for seed in range(4)]
    shard = folder / "corpus/part-00000.parquet"
    _write_corpus(shard, [flacs[number % 4] for number in range(n_utterances)])
    before = _peak_mib()
    extract_corpus([shard], _mels(), folder / "mels", workers=1)
    assert _peak_mib() > before, "the corpus took more to write than to extract: the measurement says nothing"
    return {"peak_mib": _peak_mib()}


def _peak_mib():
    # Not ru_maxrss: a process inherits that of the one that started it.
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _main(arguments):
    if arguments[:2] == ["--measure", "memory"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(_measure_memory(Path(folder), int(arguments[2]))))
    elif arguments[:2] == ["--measure", "speed"]:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(_measure_speed(Path(folder), [Path(name) for name in arguments[2:]])))
    else:
        for name, value in run([Path(name) for name in arguments]).items():
            print(f"{name}={value:.2f}")


if __name__ == "__main__":
    _main(sys.argv[1:])

"""Speaking on one core: our Tacotron 2 and torchaudio's side by side, several texts at once, and the vocoders.

    python -m tests.bench.inference

Full size (torchaudio's defaults), same weights, drawn at random; no stop, so that all say as many frames. Times are of
the core, not of the clock, so that other work on the machine counts as little as it can.

`ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2` before it measures what a CPU without AVX-512 would run.
"""

import ctypes
import os
import statistics
import time
import warnings
from pathlib import Path

import torch

from peewee_model.networks.device import flush_denormals
from peewee_model.synthesizer.options import InferOptions
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from peewee_model.vocoder.griffin_lim import GriffinLim, GriffinLimConfig
from peewee_model.vocoder.hifi_gan import HiFiGan, HiFiGanConfig
from peewee_model.vocoder.source_filter import SourceFilter, SourceFilterConfig
from tests.bench.synthesizer import _config
from tests.reference import our_name, torchaudio_tacotron2

N_TOKENS, N_FRAMES, N_RUNS = 80, 400, 3
BATCHES = (1, 8, 32)
PRECISIONS = ("float32", "float16", "int8")
GRIFFIN_LIM = {"arch": "griffin_lim", "n_iterations": 60, "momentum": 0.99, "n_inversion_updates": 32}
SOURCE_FILTER = {  # as in params.yaml
    "arch": "source_filter",
    "pitch": {"f_min": 60, "f_max": 500, "bins_per_octave": 24, "channels": 96, "kernel_size": 5, "n_layers": 6},
    "filter": {
        "smoothing_hz": 40,
        "formant_width_hz": 200,
        "sharpening": 0.5,
        "noise_from_hz": 5000,
        "noise_width_hz": 1000,
    },
}
SMALL = {  # as in params.yaml
    "arch": "hifi_gan",
    "upsample_rates": (8, 8, 4),
    "upsample_kernel_sizes": (16, 16, 8),
    "upsample_initial_channels": 128,
    "resblock_kernel_sizes": (3, 5, 7),
    "resblock_dilations": ((1, 2), (2, 6), (3, 12)),
    "resblock_n_convolutions": 1,
    "leaky_relu_slope": 0.1,
}
V1 = SMALL | {
    "upsample_rates": (8, 8, 2, 2),
    "upsample_kernel_sizes": (16, 16, 4, 4),
    "upsample_initial_channels": 512,
    "resblock_kernel_sizes": (3, 7, 11),
    "resblock_dilations": ((1, 3, 5),) * 3,
    "resblock_n_convolutions": 2,
}


def _models():
    theirs = torchaudio_tacotron2()(decoder_max_step=N_FRAMES, gate_threshold=2.0)
    ours = Tacotron2(_config())
    weights = {our_name(name): tensor for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(weights | {"mel_mean": ours.mel_mean, "mel_scale": ours.mel_scale})
    return ours.eval(), theirs.eval()


def _seconds(tasks, n_runs):
    """Median seconds of the core for each, in turn, after one run each to warm up."""
    times = {name: [] for name in tasks}
    for turn in range(n_runs + 1):
        for name, task in tasks.items():
            start = time.thread_time()
            task()
            if turn:
                times[name].append(time.thread_time() - start)
    return {name: statistics.median(taken) for name, taken in times.items()}


def _synthesizers(n_runs):
    """Frames a second: of one text for each precision, then of several in the default."""
    ours, theirs = _models()
    packed = {precision: ours.packed(precision) for precision in PRECISIONS}

    def speak(precision, n_texts):
        tokens, lengths = torch.randint(1, 148, (n_texts, N_TOKENS)), torch.full((n_texts,), N_TOKENS)
        options = InferOptions(stop_threshold=1.0)
        return lambda: packed[precision](tokens, lengths, max_frames=N_FRAMES, options=options)

    tokens = torch.randint(1, 148, (1, N_TOKENS))
    tasks = {"torchaudio": lambda: theirs.infer(tokens, torch.tensor([N_TOKENS]))}
    tasks |= {precision: speak(precision, 1) for precision in PRECISIONS}
    found = {f"{name}_frames_per_s": N_FRAMES / taken for name, taken in _seconds(tasks, n_runs).items()}
    for precision in PRECISIONS:
        found[f"{precision}_to_torchaudio"] = found[f"{precision}_frames_per_s"] / found["torchaudio_frames_per_s"]
    several = _seconds({str(n): speak("int8", n) for n in BATCHES}, max(1, n_runs // 2))
    return found | {f"batch_{n}_frames_per_s": n * N_FRAMES / several[str(n)] for n in BATCHES}


def _vocoders(n_runs):
    """Real-time factors: seconds of the core for a second of speech."""
    mel = _config().mel
    frames = torch.randn(mel.n_mels, 2 * mel.sample_rate // mel.hop_length)
    vocoders = {
        "griffin_lim": GriffinLim(GriffinLimConfig(**GRIFFIN_LIM, mel=mel)),
        "source_filter": SourceFilter(SourceFilterConfig(**SOURCE_FILTER, mel=mel)),
        "hifi_gan_small": HiFiGan(HiFiGanConfig(**SMALL, mel=mel)),
        "hifi_gan_v1": HiFiGan(HiFiGanConfig(**V1, mel=mel)),
    }
    taken = _seconds({name: lambda v=v: v.eval().synthesize(frames) for name, v in vocoders.items()}, n_runs)
    speech_s = (frames.shape[1] - 1) * mel.hop_length / mel.sample_rate
    return {f"{name}_real_time_factor": seconds / speech_s for name, seconds in taken.items()}


def _bandwidth():
    """Bytes that this core reads in a second, in GB: what bounds one text."""
    numbers = torch.zeros(1 << 26)
    return numbers.numel() * 4 / _seconds({"sum": numbers.sum}, 5)["sum"] / 1e9


def _obey_capability():
    """Disable AVX-512 in fbgemm, which has no setting of its own, if it is disabled for torch."""
    if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":
        library = ctypes.CDLL(str(Path(torch.__file__).parent / "lib/libtorch_cpu.so"))
        library._ZN6fbgemm14fbgemmForceIsaENS_10inst_set_tE(ctypes.c_int(1))  # inst_set_t::avx2


def run(n_runs=N_RUNS):
    """Measure all of it on one thread."""
    _obey_capability()
    flush_denormals()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore", UserWarning)  # torchaudio's, that it was cut off
        found = {"bandwidth_gb_per_s": _bandwidth()} | _synthesizers(n_runs) | _vocoders(n_runs)
    torch.set_num_threads(threads)
    return found


if __name__ == "__main__":
    for name, value in run().items():
        print(f"{name:28} {value:10.3f}")

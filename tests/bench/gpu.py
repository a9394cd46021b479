"""What a GPU does: the synthesizer's step at full size, by graphs and without, and torchaudio's beside it.

    make bench-gpu

Mel frames a second of forward, loss and backward, batch 64 of 800 frames; float32, TF32 and bfloat16. First it is
checked that graphs and the plain loop agree. NOT YET MEASURED: no GPU was lent to this project so far.
"""

import os
import sys
import time
from contextlib import contextmanager

import torch

from tests.bench import synthesizer

N_ITEMS, N_TOKENS, N_FRAMES, N_RUNS = 64, 160, 800, 5
GRAPHS = "PEEWEE_CUDA_GRAPHS"


def _frames_per_s(step):
    for _ in range(2):
        step()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(N_RUNS):
        step()
    torch.cuda.synchronize()
    return N_RUNS * N_ITEMS * N_FRAMES / (time.perf_counter() - began)


@contextmanager
def _graphs(on):
    os.environ[GRAPHS] = str(int(on))
    try:
        yield
    finally:
        del os.environ[GRAPHS]


def run():
    """Measure; the largest difference of gradients is that of graphs to the plain loop, relative to the largest."""
    torch.manual_seed(0)
    ours, theirs = (model.cuda() for model in synthesizer._models())
    lengths = torch.full((N_ITEMS,), N_TOKENS), torch.full((N_ITEMS,), N_FRAMES)
    tokens, mel = torch.randint(1, 148, (N_ITEMS, N_TOKENS)), torch.randn(N_ITEMS, 80, N_FRAMES)
    batch = (tokens.cuda(), lengths[0].cuda(), mel.cuda(), lengths[1].cuda())
    gradients = []
    for on in (False, True):
        with _graphs(on):
            ours.eval()  # no dropout: the two are to agree
            synthesizer._step(ours, batch)()
            gradients.append(ours.decoder.attention_rnn.weight_hh.grad.clone())
    found = {"graphs_gradient_difference": float((gradients[0] - gradients[1]).abs().max() / gradients[0].abs().max())}
    ours.train()
    for precision, allow_tf32, dtype in (("fp32", False, None), ("tf32", True, None), ("bf16", True, torch.bfloat16)):
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allow_tf32
        with torch.autocast("cuda", dtype, enabled=dtype is not None):
            for on in (False, True):
                with _graphs(on):
                    name = f"{precision}{'_graphs' if on else ''}_frames_per_s"
                    found[name] = _frames_per_s(synthesizer._step(ours, batch))
            found[f"torchaudio_{precision}_frames_per_s"] = _frames_per_s(synthesizer._step(theirs, batch))
    return found


if __name__ == "__main__":
    if not torch.cuda.is_available():
        sys.exit("no CUDA device here: this benchmark is for a machine with one, and a CUDA build of torch")
    print(torch.cuda.get_device_name())
    for name, value in run().items():
        print(f"{name:32} {value:14.6g}")

"""A training step of our Tacotron 2 and of torchaudio's, on the same batch, side by side.

    python -m tests.bench.synthesizer

Full size (torchaudio's defaults), both in training mode with all their dropouts, same weights, same loss; utterances
of different lengths, which only ours masks.
"""

import statistics
import time

import torch

from peewee_model.audio.mel import MelConfig
from peewee_model.networks.device import flush_denormals
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config, Tacotron2Sizes
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2
from tests.reference import our_name, torchaudio_tacotron2

N_THREADS, N_ITEMS, N_TOKENS, N_FRAMES, N_RUNS = 2, 16, 80, 350, 3


def _config():
    mel = MelConfig(
        sample_rate=24000, n_fft=1024, win_length=1024, hop_length=256, n_mels=80, f_min=0, f_max=8000, log_floor=1e-3
    )
    sizes = Tacotron2Sizes(
        prenet_dim=256,
        prenet_dropout=0.5,
        attention_rnn_dim=1024,
        attention_dim=128,
        attention_location_n_filters=32,
        attention_location_kernel_size=31,
        attention_dropout=0.1,
        decoder_rnn_dim=1024,
        decoder_dropout=0.1,
    )
    return Tacotron2Config(
        arch="tacotron2",
        tacotron2=sizes,
        mel=mel,
        text={},
        n_symbols=148,
        speaker_embedding_dim=0,
        symbol_embedding_dim=512,
        encoder_n_convolutions=3,
        encoder_kernel_size=5,
        encoder_dropout=0.5,
        postnet_n_convolutions=5,
        postnet_channels=512,
        postnet_kernel_size=5,
        postnet_dropout=0.5,
        reduction_factor=1,
    )


def _models():
    theirs = torchaudio_tacotron2()()
    ours = Tacotron2(_config())
    weights = {our_name(name): tensor.clone() for name, tensor in theirs.state_dict().items()}
    ours.load_state_dict(weights | {"mel_mean": ours.mel_mean, "mel_scale": ours.mel_scale})
    return ours.train(), theirs.train()


def _batch():
    token_lengths = torch.linspace(N_TOKENS, 0.8 * N_TOKENS, N_ITEMS).long()  # sorted, as torchaudio asks
    mel_lengths = torch.linspace(N_FRAMES, 0.8 * N_FRAMES, N_ITEMS).long()
    tokens = torch.randint(1, 148, (N_ITEMS, N_TOKENS))
    return tokens, token_lengths, torch.randn(N_ITEMS, 80, N_FRAMES), mel_lengths


def _step(model, batch):
    def step():
        model.zero_grad(set_to_none=True)
        before, after, stop_logits, _ = model(*batch)
        mel = batch[2]
        loss = (before - mel).square().mean() + (after - mel).square().mean() + stop_logits.square().mean()
        loss.backward()

    return step


def run(n_runs=N_RUNS):
    """Time both, in turn, after one step each to warm up.

    Returns:
        Median seconds a step of each, and how many times faster ours is.
    """
    flush_denormals()
    threads = torch.get_num_threads()
    torch.set_num_threads(N_THREADS)
    torch.manual_seed(0)
    ours, theirs = _models()
    batch = _batch()
    steps = {"ours_s": _step(ours, batch), "torchaudio_s": _step(theirs, batch)}
    times = {name: [] for name in steps}
    for turn in range(n_runs + 1):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if turn:
                times[name].append(time.perf_counter() - start)
    torch.set_num_threads(threads)
    medians = {name: statistics.median(taken) for name, taken in times.items()}
    return medians | {"ratio": medians["torchaudio_s"] / medians["ours_s"]}


if __name__ == "__main__":
    found = run()
    print(
        f"synthesizer training step, {N_ITEMS} x {N_FRAMES} frames, {N_TOKENS} tokens, {N_THREADS} threads: "
        f"ours {found['ours_s']:.2f} s, torchaudio {found['torchaudio_s']:.2f} s, ratio {found['ratio']:.2f}"
    )

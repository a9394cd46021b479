"""A small model learns to read: a synthetic language of ten sounds, each a fixed pattern of frames, in two voices.

What it is asked for afterwards are texts that it has not seen, spoken freely. A model that was not trained fails.
"""

from dataclasses import dataclass
from statistics import mean

import pytest
import torch
from torch import Tensor

from peewee_model.synthesizer.factory import make_synthesizer
from peewee_model.synthesizer.options import InferOptions
from peewee_model.synthesizer.synthesizer import n_decoder_steps
from pipeline.alignment import alignment_figures
from pipeline.training.synthesizer.losses import synthesizer_losses
from tests.peewee_model.synthesizer.conftest import LOSS

N_MELS, N_SYMBOLS, END, FACTOR, N_STEPS = 8, 12, 11, 2, 200
VOICES = torch.nn.functional.normalize(torch.tensor([[1.0, 0.5, 0.0, -0.5], [-1.0, 0.0, 0.5, 0.5]]), dim=1)
VOICE_OFFSETS = torch.tensor([-1.0, 1.0])


@dataclass(frozen=True)
class Batch:
    tokens: Tensor
    token_lengths: Tensor
    mel: Tensor
    mel_lengths: Tensor
    voices: Tensor


class Language:
    def __init__(self):
        draw = torch.Generator().manual_seed(5)
        durations = torch.randint(3, 8, (N_SYMBOLS,), generator=draw).tolist()
        self.sounds = [
            2 * torch.randn(N_MELS, 1, generator=draw) + 0.3 * torch.randn(N_MELS, n, generator=draw) - 3
            for n in durations
        ]

    def draw(self, n_items, seed):
        draw = torch.Generator().manual_seed(seed)
        lengths = torch.randint(4, 12, (n_items,), generator=draw).tolist()
        texts = [[*torch.randint(1, END, (n,), generator=draw).tolist(), END] for n in lengths]
        voices = torch.randint(0, 2, (n_items,), generator=draw)
        mels = [torch.cat([self.sounds[t] for t in text], dim=1) for text in texts]
        token_lengths = torch.tensor([len(text) for text in texts])
        mel_lengths = torch.tensor([mel.shape[1] for mel in mels])
        tokens = torch.zeros(n_items, int(token_lengths.max()), dtype=torch.long)
        mel = torch.zeros(n_items, N_MELS, int(mel_lengths.max()))
        for item, (text, frames) in enumerate(zip(texts, mels, strict=True)):
            tokens[item, : len(text)] = torch.tensor(text)
            mel[item, :, : frames.shape[1]] = frames + VOICE_OFFSETS[voices[item]]
        return Batch(tokens, token_lengths, mel, mel_lengths, voices)


def speak(model, batch, voices):
    model.eval()
    return model.infer(
        batch.tokens,
        batch.token_lengths,
        VOICES[voices],
        max_frames=2 * batch.mel.shape[2],
        options=InferOptions(generator=torch.Generator().manual_seed(0)),
    )


def read_well(output, batch):
    """Attention along the diagonal, over all the text; no item cut off; nearly all of about the right length."""
    figures = alignment_figures(output.alignment, n_decoder_steps(output.mel_lengths, FACTOR), batch.token_lengths)
    right_lengths = ((output.mel_lengths / batch.mel_lengths - 1).abs() < 0.25).float().mean()
    return (
        mean(item.diagonality for item in figures) > 0.9
        and mean(item.coverage for item in figures) > 0.9
        and mean(item.monotonicity for item in figures) > 0.9
        and not bool(output.truncated.any())
        and float(right_lengths) >= 0.9
    )


def mel_error(output, batch):
    """Mean absolute error frame by frame, as far as both go; after mistakes in timing it is large."""
    errors = []
    for item, lengths in enumerate(zip(output.mel_lengths.tolist(), batch.mel_lengths.tolist(), strict=True)):
        n = min(lengths)
        errors.append(float((output.mel[item, :, :n] - batch.mel[item, :, :n]).abs().mean()))
    return mean(errors)


def train(model, language):
    sounds = torch.cat(language.sounds, dim=1)
    model.set_mel_statistics(sounds.mean(dim=1), sounds.std(dim=1))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    model.train()
    for step in range(N_STEPS):
        batch = language.draw(16, seed=1000 + step)
        output = model(batch.tokens, batch.token_lengths, batch.mel, batch.mel_lengths, VOICES[batch.voices])
        losses = synthesizer_losses(
            output, batch.mel, batch.mel_lengths, batch.token_lengths, reduction_factor=FACTOR, config=LOSS
        )
        optimizer.zero_grad()
        LOSS.total(losses).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@pytest.fixture(scope="module")
def language():
    return Language()


@pytest.mark.system
@pytest.mark.parametrize("arch", ["tacotron2", "non_attentive"])
def test_model_learns_to_read_unseen_texts_in_the_right_voice(make_config, language, arch):
    """Each network, in a few hundred steps."""
    model = make_synthesizer(
        make_config(
            arch,
            n_symbols=N_SYMBOLS,
            speaker_embedding_dim=VOICES.shape[1],
            reduction_factor=FACTOR,
            symbol_embedding_dim=32,
            encoder_dropout=0.1,
            prenet_dim=32,
            attention_rnn_dim=64,
            attention_dim=32,
            aligner_dim=32,
            attention_location_n_filters=8,
            attention_location_kernel_size=15,
            decoder_rnn_dim=64,
            aligner_channels=32,
            frame_decoder_channels=64,
            postnet_channels=32,
            postnet_dropout=0.1,
        )
    )
    unseen = language.draw(16, seed=1)
    untrained = speak(model, unseen, unseen.voices)
    assert not read_well(untrained, unseen)

    train(model, language)

    trained = speak(model, unseen, unseen.voices)
    assert read_well(trained, unseen)
    assert mel_error(trained, unseen) < 0.75 * mel_error(untrained, unseen)

    other_voice = speak(model, unseen, 1 - unseen.voices)
    levels = [float(output.mel[item, :, :10].mean()) for item in range(16) for output in (trained, other_voice)]
    moved = torch.tensor(levels).view(16, 2).diff(dim=1)[:, 0] * -VOICE_OFFSETS[unseen.voices]
    assert float(moved.mean()) == pytest.approx(2.0, abs=0.7)

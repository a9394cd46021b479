"""Turns sentences into samples, several at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peewee_model.synthesizer.options import InferOptions
from peewee_model.synthesizer.synthesizer import Synthesizer
from peewee_model.vocoder.factory import Vocoder

MAX_SECONDS_PER_SYMBOL = 0.25  # slow speech has 0.1; a synthesizer that needs more has lost its place in the text
MAX_SENTENCES = 32
MAX_SYMBOLS = 4096  # padding included, so that long sentences take no more memory than short ones


@dataclass(frozen=True)
class Line:
    """A sentence to say."""

    text: str
    tokens: tuple[int, ...]
    seed: int
    """Seed of all random numbers for this sentence. 63 bits."""
    before_s: float = 0.0
    """Seconds of silence before it."""
    pauses: tuple[tuple[int, float], ...] = ()
    """Tokens that are a pause within it, and its seconds."""


@dataclass(frozen=True)
class Spoken:
    """The speech of one sentence."""

    samples: NDArray[np.float32]
    """With the silence that the network puts around it. (S,)"""
    samples_per_step: int
    """Of a decoder step."""
    alignment: NDArray[np.float32]
    """(T', L)"""
    truncated: bool
    """Whether it did not end by itself."""


def batches(lengths: Sequence[int], max_items: int = MAX_SENTENCES, max_symbols: int = MAX_SYMBOLS) -> list[list[int]]:
    """Put sentences of like lengths together.

    Args:
        lengths: Their symbols.
        max_items: Sentences in a batch.
        max_symbols: Symbols in a batch, padding included; a sentence that has more is alone.

    Returns:
        The indices of each batch's sentences, from long to short: every index once.
    """
    found: list[list[int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        batch = found[-1] if found else []
        if batch and len(batch) < max_items and (len(batch) + 1) * lengths[batch[0]] <= max_symbols:
            batch.append(index)
        else:
            found.append([index])
    return found


class SentenceSpeaker:
    """A synthesizer and a vocoder.

    Args:
        synthesizer: Its weights are packed once, here.
        vocoder: Of the same mels.
        precision: Of the decoder; None for the default of its device.

    Raises:
        ConfigError: If the device does not have the precision.
    """

    def __init__(self, synthesizer: Synthesizer, vocoder: Vocoder, precision: str | None = None) -> None:
        self._config, self._vocoder = synthesizer.config, vocoder
        self._infer = synthesizer.packed(precision)

    def speak(self, lines: Sequence[Line], voices: Sequence[Tensor], max_stretch: float) -> list[Spoken]:
        """Say sentences, in batches.

        Args:
            lines: The sentences.
            voices: The speaker embedding of each. (E,)
            max_stretch: As `InferOptions` has it.

        Returns:
            One for each, in their order.
        """
        spoken: dict[int, Spoken] = {}
        for batch in batches([len(line.tokens) for line in lines]):
            said = self._say([lines[index] for index in batch], [voices[index] for index in batch], max_stretch)
            spoken |= zip(batch, said, strict=True)
        return [spoken[index] for index in range(len(lines))]

    @torch.inference_mode()
    def _say(self, lines: Sequence[Line], voices: Sequence[Tensor], max_stretch: float) -> list[Spoken]:
        config, device = self._config, voices[0].device
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(line.tokens) for line in lines], batch_first=True)
        frames_per_s = config.mel.sample_rate / config.mel.hop_length
        limits = [round((1 + MAX_SECONDS_PER_SYMBOL * len(line.tokens)) * frames_per_s) for line in lines]
        output = self._infer(
            tokens.to(device),
            torch.tensor([len(line.tokens) for line in lines], device=device),
            torch.stack(list(voices)) if config.speaker_embedding_dim else None,
            max_frames=torch.tensor(limits, device=device),
            options=InferOptions(
                generator=[torch.Generator(device).manual_seed(line.seed) for line in lines],
                max_stretch=max_stretch,
            ),
        )
        said = []
        samples_per_step = config.mel.hop_length * config.reduction_factor
        for item, (line, n_frames) in enumerate(zip(lines, output.mel_lengths.tolist(), strict=True)):
            n_steps = -(-n_frames // config.reduction_factor)
            samples = self._vocoder.synthesize(output.mel[item, :, :n_frames])
            alignment = output.alignment[item, :n_steps, : len(line.tokens)].cpu().numpy()
            said.append(Spoken(samples, samples_per_step, alignment, bool(output.truncated[item])))
        return said

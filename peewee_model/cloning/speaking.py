"""Turns sentences into samples, several at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from peewee_model.audio.clip import Clip
from peewee_model.cloning.matching import VoiceMatch, VoiceMatcher
from peewee_model.synthesizer.options import InferOptions
from peewee_model.synthesizer.synthesizer import Synthesizer
from peewee_model.text.symbols.config import TextConfig
from peewee_model.text.symbols.tokenizer import Tokenizer
from peewee_model.vocoder.factory import Vocoder

MAX_SECONDS_PER_SYMBOL = 0.25  # slow speech has 0.1; a synthesizer that needs more has lost its place in the text
MAX_SENTENCES = 32
MAX_SYMBOLS = 4096  # padding included, so that long sentences take no more memory than short ones


@dataclass(frozen=True)
class Voice:
    """A voice to speak in."""

    embedding: Tensor
    """(E,)"""
    match: VoiceMatch | None
    """How what is said is brought nearer to the voice's recordings; None for not at all."""


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
    pace: float = 1.0
    """How much faster than the network's own timing; another one needs a network that `takes_pace`."""


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


@dataclass(frozen=True)
class _Predicted:
    """What the synthesizer says for a sentence."""

    mel: Tensor
    """(M, T)"""
    alignment: NDArray[np.float32]
    """(T', L)"""
    truncated: bool


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
        self._config = synthesizer.config
        self._tokenizer = Tokenizer(TextConfig.model_validate(synthesizer.config.text))
        self._matcher = VoiceMatcher(vocoder, synthesizer.config.text["language"])
        self.takes_pace = synthesizer.takes_pace
        self._infer = synthesizer.packed(precision)

    def match(self, embedding: Tensor, recordings: Sequence[Clip]) -> VoiceMatch | None:
        """Find how to bring what is said in a voice nearer to its recordings.

        Args:
            embedding: Of the voice. (E,)
            recordings: Of the voice, without silence at their ends.

        Returns:
            None if nothing can be compared, see `VoiceMatcher.match`; and from a network that has one voice only.
        """
        if not self._config.speaker_embedding_dim:
            return None

        def say(sentences: Sequence[str]) -> list[Tensor]:
            lines = [Line(sentence, tuple(self._tokenizer.encode(sentence)), seed=0) for sentence in sentences]
            return [said.mel for said in self._predict(lines, [embedding] * len(lines), 0.0)]

        return self._matcher.match(say, recordings)

    def speak(self, lines: Sequence[Line], voices: Sequence[Voice], max_stretch: float) -> list[Spoken]:
        """Say sentences, in batches.

        Args:
            lines: The sentences.
            voices: Of each.
            max_stretch: As `InferOptions` has it.

        Returns:
            One for each, in their order.
        """
        spoken: dict[int, Spoken] = {}
        samples_per_step = self._config.mel.hop_length * self._config.reduction_factor
        for batch in batches([len(line.tokens) for line in lines]):
            embeddings = [voices[index].embedding for index in batch]
            said = self._predict([lines[index] for index in batch], embeddings, max_stretch)
            for index, sentence in zip(batch, said, strict=True):
                samples = self.synthesize(sentence.mel, voices[index].match)
                spoken[index] = Spoken(samples, samples_per_step, sentence.alignment, sentence.truncated)
        return [spoken[index] for index in range(len(lines))]

    def synthesize(self, mel: Tensor, match: VoiceMatch | None) -> NDArray[np.float32]:
        """Turn what was said in a voice into samples, nearer to the voice. (M, T) -> (S,)"""
        return self._matcher.synthesize(mel, match)

    @torch.inference_mode()
    def _predict(self, lines: Sequence[Line], embeddings: Sequence[Tensor], max_stretch: float) -> list[_Predicted]:
        config, device = self._config, embeddings[0].device
        tokens = torch.nn.utils.rnn.pad_sequence([torch.tensor(line.tokens) for line in lines], batch_first=True)
        frames_per_s = config.mel.sample_rate / config.mel.hop_length
        limits = [
            round((1 + MAX_SECONDS_PER_SYMBOL * len(line.tokens)) * frames_per_s / min(1.0, line.pace))
            for line in lines
        ]
        paces = [line.pace for line in lines]
        output = self._infer(
            tokens.to(device),
            torch.tensor([len(line.tokens) for line in lines], device=device),
            torch.stack(list(embeddings)) if config.speaker_embedding_dim else None,
            max_frames=torch.tensor(limits, device=device),
            options=InferOptions(
                generator=[torch.Generator(device).manual_seed(line.seed) for line in lines],
                max_stretch=max_stretch,
                pace=torch.tensor(paces, device=device) if set(paces) != {1.0} else None,
            ),
        )
        said = []
        for item, (line, n_frames) in enumerate(zip(lines, output.mel_lengths.tolist(), strict=True)):
            n_steps = -(-n_frames // config.reduction_factor)
            alignment = output.alignment[item, :n_steps, : len(line.tokens)].cpu().numpy()
            said.append(_Predicted(output.mel[item, :, :n_frames], alignment, bool(output.truncated[item])))
        return said

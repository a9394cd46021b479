"""Tacotron 2 with a speaker embedding: tokens and a voice to a log-mel spectrogram.

Sources: arXiv:1712.05884 (Tacotron 2); arXiv:1806.04558, section 2.2 (the speaker embedding is joined to the encoded
text, so that attention and both decoder LSTMs meet it at every step).

Deviations from the paper, as in the implementations that people compare with: dropout in place of zoneout (of the
attention LSTM's hidden state, recurrence included; of the second LSTM's output only, so that one fused kernel runs
over all steps), and an encoder whose width equals its embedding's. A second pass, which the paper does not have, can
draw the mel anew (`second_pass`). Without one, with speaker_embedding_dim 0 and reduction_factor 1 it equals
torchaudio's `Tacotron2` where nothing is padded; where something is, torchaudio lets padding leak into the encoder's
and the postnet's convolutions and into batch statistics, and this model does not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from peewee_model.errors import ShapeError
from peewee_model.synthesizer.attention import Memory
from peewee_model.synthesizer.config import SynthesizerArchitecture, SynthesizerConfig
from peewee_model.synthesizer.decoder import Decoder
from peewee_model.synthesizer.inference import DecoderRun, PackedDecoder
from peewee_model.synthesizer.layers import Encoder, Postnet, length_mask
from peewee_model.synthesizer.second_pass import SecondPass
from peewee_model.weights import load_config, load_weights

__all__ = [
    "InferOutput",
    "SynthesizerArchitecture",
    "SynthesizerConfig",
    "Tacotron2",
    "Tacotron2Output",
    "load_synthesizer",
    "n_decoder_steps",
]


class Tacotron2Output(NamedTuple):
    """What teacher forcing predicts; zero at padding. A tuple, because wrappers for devices can map over it."""

    mel_before: Tensor
    """Before the postnet. (B, M, T)"""
    mel_after: Tensor
    """(B, M, T)"""
    stop_logits: Tensor
    """Whether the mel ends with this step. (B, T')"""
    alignment: Tensor
    """Share of attention of each step for each token. (B, T', L)"""
    mel_draft: Tensor | None = None
    """What the decoder drew, where a second pass draws anew; None where none does. (B, M, T)"""


class InferOutput(NamedTuple):
    """What the model says on its own; zero at padding."""

    mel: Tensor
    """(B, M, T)"""
    mel_lengths: Tensor
    """Frames. (B,)"""
    alignment: Tensor
    """(B, T', L)"""
    stop_logits: Tensor
    """(B, T')"""
    truncated: Tensor
    """True where max_frames came before the stop. (B,)"""


def n_decoder_steps(mel_lengths: Tensor, reduction_factor: int) -> Tensor:
    """Count the decoder steps that frames take: rounded up."""
    return torch.div(mel_lengths + reduction_factor - 1, reduction_factor, rounding_mode="floor")


class Tacotron2(nn.Module):
    """See the module's docstring."""

    mel_mean: Tensor
    mel_scale: Tensor

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.second_pass = SecondPass(config) if config.second_pass_channels else None
        self.postnet = Postnet(config)
        self.register_buffer("mel_mean", torch.zeros(config.mel.n_mels))
        self.register_buffer("mel_scale", torch.ones(config.mel.n_mels))

    @torch.no_grad()
    def set_mel_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Let the network work on normalised mels; what goes in and comes out stays in the config's units.

        Args:
            mean: Of the training mels, per band. (M,)
            deviation: Of the training mels, per band. (M,)
        """
        self.mel_mean.copy_(mean)
        self.mel_scale.copy_(deviation.clamp(min=1e-3))  # a band that never moves would otherwise divide by zero

    def forward(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        mel: Tensor,
        mel_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
        frame_dropout: float = 0.0,
    ) -> Tacotron2Output:
        """Predict each frame from the true ones before it (teacher forcing).

        Args:
            tokens: int64. (B, L)
            token_lengths: At least 1. (B,)
            mel: (B, M, T)
            mel_lengths: At least 1. (B,)
            speaker_embedding: (B, E); None if and only if the config's speaker_embedding_dim is 0.
            generator: For the prenet's dropout. In evaluation mode there is no dropout without it.
            frame_dropout: Share of the true frames that the decoder is told as the mean frame instead, so that it
                learns to read the text: the local information preference of arXiv:1909.01145.

        Returns:
            T' decoder steps of `reduction_factor` frames each; T need not be a multiple of it.

        Raises:
            ShapeError: If an argument does not fit the config or the others.
        """
        self._check(tokens, token_lengths, speaker_embedding)
        n_items, n_mels, n_frames = mel.shape
        if n_mels != self.config.mel.n_mels or n_items != len(tokens) or len(mel_lengths) != n_items:
            raise ShapeError(
                f"mel is {tuple(mel.shape)} with {len(mel_lengths)} lengths, for {len(tokens)} texts and "
                f"{self.config.mel.n_mels} bands"
            )
        factor = self.config.reduction_factor
        mask = length_mask(mel_lengths, n_frames)
        normalised = self.normalised(mel, mask)
        # The last frame of each group but the last, after a frame of zeros. (T', B, M)
        last_frames = normalised[:, :, factor - 1 : n_frames - 1 : factor].permute(2, 0, 1)
        frames = torch.cat((last_frames.new_zeros(1, n_items, n_mels), last_frames))
        if frame_dropout:
            frames = frames * (torch.rand_like(frames[..., :1]) >= frame_dropout)
        memory = self._encode(tokens, token_lengths, speaker_embedding)
        groups, stop_logits, alignment = self.decoder(memory, frames, generator)
        step_lengths = n_decoder_steps(mel_lengths, factor)
        step_mask = length_mask(step_lengths, groups.shape[1])
        stop_logits, alignment = stop_logits.masked_fill(~step_mask, 0.0), alignment * step_mask[..., None]
        if self.second_pass is None:
            return Tacotron2Output(*self._finish(groups, mask), stop_logits, alignment)
        draft = self._denormalised(self._frames(groups, mask), mask)
        groups = self.second_pass(alignment.detach() @ memory.values, step_lengths)
        return Tacotron2Output(*self._finish(groups, mask), stop_logits, alignment, draft)

    @torch.no_grad()
    def infer(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        max_frames: Tensor | int,
        stop_threshold: float = 0.5,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        attention_window: int | None = None,
        packed: PackedDecoder | None = None,
    ) -> InferOutput:
        """Speak texts, each frame from the model's own before it.

        Args:
            tokens: int64. (B, L)
            token_lengths: (B,)
            speaker_embedding: (B, E), or None as in `forward`.
            max_frames: Where to give up, for all or for each text. (B,)
            stop_threshold: A text ends at the first step whose stop probability is above it.
            generator: For the prenet's dropout, which is on at inference too; None for torch's global generator. With
                one for each text, what is said does not depend on the other texts, up to rounding.
            attention_window: Tokens that attention may move from the token it looked at most in the step before,
                to either side; None for all. Keeps it from skipping and starting over on difficult texts.
            packed: This model's decoder, packed once for many calls; None to pack it now, in the default precision.

        Raises:
            ShapeError: If an argument does not fit the config or the others.
        """
        self._check(tokens, token_lengths, speaker_embedding)
        factor, n_mels, device = self.config.reduction_factor, self.config.mel.n_mels, tokens.device
        limits = torch.as_tensor(max_frames, device=device).expand(len(tokens))
        step_limits = n_decoder_steps(limits, factor)
        memory = self._encode(tokens, token_lengths, speaker_embedding)
        run = DecoderRun(packed or PackedDecoder(self.decoder), memory, _generators(generator, len(tokens)))
        frame = memory.values.new_zeros(len(tokens), n_mels)
        positions = torch.arange(tokens.shape[1], device=device)
        groups, stops, alignments = [], [], []
        n_steps = torch.zeros_like(step_limits)
        stopped = torch.zeros(len(tokens), dtype=torch.bool, device=device)
        for _ in range(int(step_limits.max())):
            window = None
            if attention_window is not None:  # before the first step the alignment is zero, so its maximum is token 0
                centre = run.alignment.argmax(dim=1, keepdim=True)
                window = (positions - centre).abs() <= attention_window
            group, stop = run.step(frame, window)
            groups.append(group)
            stops.append(stop)
            alignments.append(run.alignment.clone())
            frame = group[:, -n_mels:]
            running = ~stopped & (n_steps < step_limits)
            n_steps += running
            stopped |= running & (stop.sigmoid() > stop_threshold)
            if bool((stopped | (n_steps >= step_limits)).all()):
                break
        mel_lengths = torch.minimum(n_steps * factor, limits)
        step_mask = length_mask(n_steps, len(groups))
        mask = length_mask(mel_lengths, int(mel_lengths.max()))
        alignment = torch.stack(alignments, dim=1) * step_mask[..., None]
        drawn = torch.stack(groups, dim=1)
        if self.second_pass is not None:
            drawn = self.second_pass(alignment @ memory.values, n_steps)
        _, after = self._finish(drawn, mask)
        return InferOutput(after, mel_lengths, alignment, torch.stack(stops, dim=1) * step_mask, ~stopped)

    def _check(self, tokens: Tensor, token_lengths: Tensor, speaker_embedding: Tensor | None) -> None:
        expected = self.config.speaker_embedding_dim
        found = 0 if speaker_embedding is None else speaker_embedding.shape[-1]
        if found != expected:
            raise ShapeError(f"the speaker embedding has {found} dimensions, this synthesizer was made for {expected}")
        if tokens.ndim != 2 or token_lengths.shape != tokens.shape[:1]:
            raise ShapeError(
                f"tokens are {tuple(tokens.shape)}, their lengths {tuple(token_lengths.shape)}; give (B, L), (B,)"
            )

    def _encode(self, tokens: Tensor, token_lengths: Tensor, speaker_embedding: Tensor | None) -> Memory:
        mask = length_mask(token_lengths, tokens.shape[1])
        values = self.encoder(tokens, token_lengths, mask)
        if speaker_embedding is not None:
            joined = speaker_embedding[:, None].expand(-1, tokens.shape[1], -1) * mask[..., None]
            values = torch.cat((values, joined), dim=2)
        return self.decoder.remember(values, mask)

    def _finish(self, groups: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Groups of frames (B, T', r x M) to mels before and after the postnet (B, M, T), T as the mask (B, T) has."""
        before = self._frames(groups, mask)
        after = before + self.postnet(before, mask[:, None].to(before.dtype))
        return self._denormalised(before, mask), self._denormalised(after, mask)

    def _frames(self, groups: Tensor, mask: Tensor) -> Tensor:
        """Groups (B, T', r x M) to frames, zero at padding. (B, M, T)"""
        frames = groups.reshape(len(groups), -1, self.config.mel.n_mels)[:, : mask.shape[1]]
        return frames.transpose(1, 2) * mask[:, None].to(groups.dtype)

    def normalised(self, mel: Tensor, mask: Tensor) -> Tensor:
        """A mel of the config as the network knows it, zero where the mask (B, T) is. Both (B, M, T)"""
        return ((mel - self.mel_mean[:, None]) / self.mel_scale[:, None]).masked_fill(~mask[:, None], 0.0)

    def _denormalised(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Frames of the network to those of the config, zero at padding. Both (B, M, T)"""
        return (frames * self.mel_scale[:, None] + self.mel_mean[:, None]) * mask[:, None].to(frames.dtype)


def _generators(
    generator: torch.Generator | Sequence[torch.Generator] | None, n_items: int
) -> Sequence[torch.Generator | None]:
    if generator is None or isinstance(generator, torch.Generator):
        return [generator] * n_items
    if len(generator) != n_items:
        raise ShapeError(f"there are {len(generator)} generators for {n_items} texts; give one, or one for each text")
    return generator


def load_synthesizer(folder: Path) -> Tacotron2:
    """Read a synthesizer, in evaluation mode.

    Raises:
        ConfigError: If `config.json` or the weights can't be read.
        ShapeError: If the weights are not those of the config.
    """
    model = Tacotron2(load_config(folder, SynthesizerConfig))
    load_weights(folder, model)
    return model.eval()

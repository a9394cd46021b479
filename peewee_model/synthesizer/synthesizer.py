"""The base class of all synthesizers: a text encoder before the frames, a postnet after them, and normalised mels."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from peewee_model.errors import ShapeError
from peewee_model.synthesizer.config import SynthesizerConfig
from peewee_model.synthesizer.layers import Encoder, Postnet, length_mask
from peewee_model.synthesizer.options import DRAW_PLAINLY, SPEAK_PLAINLY, ForwardOptions, InferOptions


class InferOutput(NamedTuple):
    """The output of inference; zero at padding."""

    mel: Tensor
    """(B, M, T)"""
    mel_lengths: Tensor
    """Frames. (B,)"""
    alignment: Tensor
    """Share of each token in each decoder step. (B, T', L)"""
    truncated: Tensor
    """True where `max_frames` was reached before the end. (B,)"""
    stop_logits: Tensor | None = None
    """Stop logits of each step; None for a network that knows the length beforehand. (B, T')"""


class Infer(Protocol):
    """Speaks texts with weights that were prepared once; see `Synthesizer.infer`."""

    def __call__(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        max_frames: Tensor | int,
        options: InferOptions = SPEAK_PLAINLY,
    ) -> InferOutput:
        """Speak."""


def n_decoder_steps(mel_lengths: Tensor, reduction_factor: int) -> Tensor:
    """Count the decoder steps that frames take: rounded up."""
    return torch.div(mel_lengths + reduction_factor - 1, reduction_factor, rounding_mode="floor")


class Synthesizer(nn.Module, ABC):
    """Predicts a log-mel spectrogram from tokens and a voice."""

    mel_mean: Tensor
    mel_scale: Tensor
    postnet: Postnet
    one_step_a_token: ClassVar[bool]
    """Whether each token takes at least one decoder step; then a recording needs as many steps as tokens."""
    takes_pace: ClassVar[bool] = False
    """Whether `InferOptions.pace` changes its speech."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.register_buffer("mel_mean", torch.zeros(config.mel.n_mels))
        self.register_buffer("mel_scale", torch.ones(config.mel.n_mels))

    @torch.no_grad()
    def set_mel_statistics(self, mean: Tensor, deviation: Tensor) -> None:
        """Set the statistics by which the network normalises mels. Its inputs and outputs keep the config's units.

        Args:
            mean: Of the training mels, per band. (M,)
            deviation: Of the training mels, per band. (M,)
        """
        self.mel_mean.copy_(mean)
        self.mel_scale.copy_(deviation.clamp(min=1e-3))  # a constant band would otherwise divide by zero

    @abstractmethod
    def forward(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        mel: Tensor,
        mel_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        options: ForwardOptions = DRAW_PLAINLY,
    ) -> Any:
        """Predict known recordings, from their texts and from the parts of the recordings that the network may see.

        Args:
            tokens: int64. (B, L)
            token_lengths: At least 1. (B,)
            mel: (B, M, T); T need not be a multiple of the reduction factor.
            mel_lengths: At least 1. (B,)
            speaker_embedding: (B, E); None if and only if the config's speaker_embedding_dim is 0.
            options: Of single networks.

        Returns:
            A tuple with at least `mel_before` and `mel_after` the postnet (B, M, T), and `token_shares` (B, T', L).

        Raises:
            ShapeError: If an argument does not fit the config or the others.
        """

    @abstractmethod
    def packed(self, precision: str | None = None) -> Infer:
        """Prepare weights once for many texts.

        Args:
            precision: Of the large weights; None for the fastest that the device has without loss of quality.

        Returns: A callable that replaces `infer`. Later training does not change the prepared weights.

        Raises:
            ConfigError: If the network or the device does not have the precision.
        """

    def infer(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        max_frames: Tensor | int,
        options: InferOptions = SPEAK_PLAINLY,
    ) -> InferOutput:
        """Speak texts, with weights that are prepared for this call, in the default precision.

        Args:
            tokens: int64. (B, L)
            token_lengths: (B,)
            speaker_embedding: (B, E); None if and only if the config's speaker_embedding_dim is 0.
            max_frames: The length at which speech is cut off, for all texts or for each. () or (B,)
            options: Of single networks.

        Raises:
            ShapeError: If an argument does not fit the config or the others.
        """
        return self.packed()(tokens, token_lengths, speaker_embedding, max_frames=max_frames, options=options)

    def normalised(self, mel: Tensor, mask: Tensor) -> Tensor:
        """Normalise a mel of the config; zero where the mask (B, T) is false. Both (B, M, T)"""
        return ((mel - self.mel_mean[:, None]) / self.mel_scale[:, None]).masked_fill(~mask[:, None], 0.0)

    def _check(self, tokens: Tensor, token_lengths: Tensor, speaker_embedding: Tensor | None) -> None:
        expected = self.config.speaker_embedding_dim
        found = 0 if speaker_embedding is None else speaker_embedding.shape[-1]
        if found != expected:
            raise ShapeError(f"the speaker embedding has {found} dimensions, this synthesizer was made for {expected}")
        if tokens.ndim != 2 or token_lengths.shape != tokens.shape[:1]:
            raise ShapeError(
                f"tokens are {tuple(tokens.shape)}, their lengths {tuple(token_lengths.shape)}; give (B, L), (B,)"
            )

    def _check_mel(self, mel: Tensor, mel_lengths: Tensor, tokens: Tensor) -> None:
        if mel.shape[1] != self.config.mel.n_mels or len(mel) != len(tokens) or len(mel_lengths) != len(mel):
            raise ShapeError(
                f"mel is {tuple(mel.shape)} with {len(mel_lengths)} lengths, for {len(tokens)} texts and "
                f"{self.config.mel.n_mels} bands"
            )

    def _encode(self, tokens: Tensor, token_lengths: Tensor, speaker_embedding: Tensor | None) -> tuple[Tensor, Tensor]:
        """Encode the text, with the voice appended to each vector; zero at padding (B, L, D). Also the mask (B, L)."""
        mask = length_mask(token_lengths, tokens.shape[1])
        values = self.encoder(tokens, token_lengths, mask)
        if speaker_embedding is not None:
            joined = speaker_embedding[:, None].expand(-1, tokens.shape[1], -1) * mask[..., None]
            values = torch.cat((values, joined), dim=2)
        return values, mask

    def _finish(self, groups: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Turn groups of frames (B, T', r x M) into mels before and after the postnet (B, M, T). The mask is (B, T)."""
        frames = groups.reshape(len(groups), -1, self.config.mel.n_mels)[:, : mask.shape[1]]
        before = frames.transpose(1, 2) * mask[:, None].to(groups.dtype)
        after = before + self.postnet(before, mask[:, None].to(before.dtype))
        return self._denormalised(before, mask), self._denormalised(after, mask)

    def _denormalised(self, frames: Tensor, mask: Tensor) -> Tensor:
        """Convert normalised frames to the config's units, zero at padding. Both (B, M, T)"""
        return (frames * self.mel_scale[:, None] + self.mel_mean[:, None]) * mask[:, None].to(frames.dtype)

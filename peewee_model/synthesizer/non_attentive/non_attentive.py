"""A synthesizer that is timed by durations: Tacotron 2's encoder and postnet, and no attention between them.

Sources: arXiv:2010.04301 (Non-Attentive Tacotron); arXiv:2108.10447 (an aligner learned beside it, so that durations
need no tool and no label). Deviations: convolutions predict all frames at once, and token vectors are repeated
instead of spread as Gaussians, with the position in the token beside them (docs/adr/0009).
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.errors import ConfigError
from peewee_model.synthesizer.layers import Postnet, length_mask
from peewee_model.synthesizer.non_attentive.aligner import Aligner, best_durations
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig
from peewee_model.synthesizer.non_attentive.duration_decoder import DurationPredictor, FrameDecoder
from peewee_model.synthesizer.options import DRAW_PLAINLY, SPEAK_PLAINLY, ForwardOptions, InferOptions
from peewee_model.synthesizer.synthesizer import Infer, InferOutput, Synthesizer, n_decoder_steps


class NonAttentiveOutput(NamedTuple):
    """Predictions for known recordings; zero at padding. It is a tuple because wrappers for devices can map over it."""

    mel_before: Tensor
    """Before the postnet. (B, M, T)"""
    mel_after: Tensor
    """(B, M, T)"""
    alignment: Tensor
    """1 for the token of each step, else 0. (B, T', L)"""
    shares: Tensor
    """The logarithm of the share that the aligner gives each token of each step. (B, T', L)"""
    durations: Tensor
    """Steps of each token, as the aligner found them. int64 (B, L)"""
    log_durations: Tensor
    """The logarithm of the predicted durations. (B, L)"""

    @property
    def token_shares(self) -> Tensor:
        """The share of each token in each step (B, T', L), as the aligner finds it.

        `alignment` can't show how sure the aligner is: it is made from durations, so it always has ones and zeros.
        """
        return self.shares.exp()


class NonAttentiveTacotron(Synthesizer):
    """See the module's docstring."""

    config: NonAttentiveConfig
    one_step_a_token = True
    takes_pace = True

    def __init__(self, config: NonAttentiveConfig) -> None:
        super().__init__(config)
        self.narrow = (
            nn.Sequential(nn.Linear(config.speaker_embedding_dim, config.film_dim), nn.Tanh())
            if config.film_dim
            else None
        )
        self.aligner = Aligner(config)
        self.duration_predictor = DurationPredictor(config)
        self.frame_decoder = FrameDecoder(config)
        self.postnet = Postnet(config)

    def forward(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        mel: Tensor,
        mel_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        options: ForwardOptions = DRAW_PLAINLY,
    ) -> NonAttentiveOutput:
        """Predict recordings from their texts and from the durations of their tokens: see `Synthesizer.forward`."""
        self._check(tokens, token_lengths, speaker_embedding)
        self._check_mel(mel, mel_lengths, tokens)
        factor, n_frames = self.config.reduction_factor, mel.shape[2]
        mask, step_lengths = length_mask(mel_lengths, n_frames), n_decoder_steps(mel_lengths, factor)
        values, token_mask = self._encode(tokens, token_lengths, speaker_embedding)
        symbols = self.encoder.embedding(tokens).transpose(1, 2) * token_mask[:, None].to(values.dtype)
        frames = F.pad(self.normalised(mel, mask), (0, -n_frames % factor)).transpose(1, 2)
        groups = frames.reshape(len(mel), -1, factor * mel.shape[1]).transpose(1, 2)  # (B, r x M, T')
        shares = self.aligner(symbols, token_lengths, groups, step_lengths)
        durations = best_durations(shares, step_lengths, token_lengths)
        speaker = self._narrowed(speaker_embedding)
        drawn, alignment = self.frame_decoder(values, durations, groups.shape[2], speaker)
        log_durations = self.duration_predictor(values, token_mask, speaker).masked_fill(~token_mask, 0.0)
        return NonAttentiveOutput(*self._finish(drawn, mask), alignment, shares, durations, log_durations)

    def _narrowed(self, speaker_embedding: Tensor | None) -> Tensor | None:
        return None if self.narrow is None or speaker_embedding is None else self.narrow(speaker_embedding)

    def packed(self, precision: str | None = None) -> Infer:
        """Prepare nothing: weights are read once for a text, not once for a frame. See `Synthesizer.packed`."""
        if precision not in (None, "float32"):
            raise ConfigError(
                f"precision is {precision}, but a Non-Attentive Tacotron runs in float32, where it is fastest; leave "
                "the precision out"
            )
        return self._infer

    @torch.no_grad()
    def _infer(
        self,
        tokens: Tensor,
        token_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        max_frames: Tensor | int,
        options: InferOptions = SPEAK_PLAINLY,
    ) -> InferOutput:
        """Speak texts, all frames at once."""
        self._check(tokens, token_lengths, speaker_embedding)
        factor = self.config.reduction_factor
        limits = torch.as_tensor(max_frames, device=tokens.device).expand(len(tokens))
        step_limits = n_decoder_steps(limits, factor)
        values, token_mask = self._encode(tokens, token_lengths, speaker_embedding)
        predictor = self.duration_predictor
        speaker = self._narrowed(speaker_embedding)
        log_durations = predictor(values, token_mask, speaker)
        if options.max_stretch:
            log_durations = log_durations + _stretch(log_durations, token_lengths, options)
        if options.pace is not None:
            log_durations = log_durations - options.pace.to(log_durations)[:, None].log()
        asked = predictor.durations(log_durations, token_mask).cumsum(1)
        ends = torch.minimum(asked, step_limits[:, None])
        durations = ends.diff(dim=1, prepend=ends.new_zeros(len(ends), 1))
        drawn, alignment = self.frame_decoder(values, durations, int(ends[:, -1].max()), speaker)
        mel_lengths = torch.minimum(ends[:, -1] * factor, limits)
        _, after = self._finish(drawn, length_mask(mel_lengths, int(mel_lengths.max())))
        return InferOutput(after, mel_lengths, alignment, asked[:, -1] > step_limits)


def _stretch(log_durations: Tensor, token_lengths: Tensor, options: InferOptions) -> Tensor:
    """Draw the logarithms of the factors of `max_stretch`, of each text by its own generator. (B, L)"""
    generators = options.generator
    drawn = torch.zeros_like(log_durations)
    for item, n_tokens in enumerate(token_lengths.tolist()):
        own = generators[item] if isinstance(generators, Sequence) else generators
        drawn[item, :n_tokens] = 2 * torch.rand(n_tokens, generator=own, device=drawn.device) - 1
    return drawn * math.log1p(options.max_stretch)

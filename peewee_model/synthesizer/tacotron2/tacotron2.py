"""Tacotron 2 with a speaker embedding: predicts a log-mel spectrogram from tokens and a voice.

Sources: arXiv:1712.05884 (Tacotron 2); arXiv:1806.04558, section 2.2 (the speaker embedding is joined to the encoded
text, so that attention and both decoder LSTMs receive it at every step).

Deviations from the paper, as in well-known implementations: dropout in place of zoneout (of the attention LSTM's hidden
state, recurrence included; of the second LSTM's output only, so that one fused kernel runs over all steps), and an
encoder whose width equals its embedding's. With speaker_embedding_dim 0 and reduction_factor 1 it equals torchaudio's
`Tacotron2` where nothing is padded; where something is, torchaudio lets padding leak into the encoder's and the
postnet's convolutions and into batch statistics, and this model does not.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor

from peewee_model.errors import ShapeError
from peewee_model.synthesizer.layers import Postnet, length_mask
from peewee_model.synthesizer.options import DRAW_PLAINLY, SPEAK_PLAINLY, ForwardOptions, InferOptions
from peewee_model.synthesizer.synthesizer import Infer, InferOutput, Synthesizer, n_decoder_steps
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config
from peewee_model.synthesizer.tacotron2.decoder import Decoder
from peewee_model.synthesizer.tacotron2.inference import DecoderRun, PackedDecoder


class Tacotron2Output(NamedTuple):
    """Predictions under teacher forcing; zero at padding. A tuple, because wrappers for devices map over it."""

    mel_before: Tensor
    """Before the postnet. (B, M, T)"""
    mel_after: Tensor
    """(B, M, T)"""
    stop_logits: Tensor
    """Whether the mel ends with this step. (B, T')"""
    alignment: Tensor
    """Share of attention of each step for each token. (B, T', L)"""

    @property
    def token_shares(self) -> Tensor:
        """The share of each token in each step: the attention. (B, T', L)"""
        return self.alignment


class Tacotron2(Synthesizer):
    """See the module's docstring."""

    config: Tacotron2Config
    one_step_a_token = False

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__(config)
        self.decoder = Decoder(config)
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
    ) -> Tacotron2Output:
        """Predict each frame from the true ones before it (teacher forcing): see `Synthesizer.forward`."""
        self._check(tokens, token_lengths, speaker_embedding)
        self._check_mel(mel, mel_lengths, tokens)
        n_items, n_mels, n_frames = mel.shape
        factor = self.config.reduction_factor
        mask = length_mask(mel_lengths, n_frames)
        normalised = self.normalised(mel, mask)
        # The last frame of each group but the last, after a frame of zeros. (T', B, M)
        last_frames = normalised[:, :, factor - 1 : n_frames - 1 : factor].permute(2, 0, 1)
        frames = torch.cat((last_frames.new_zeros(1, n_items, n_mels), last_frames))
        if options.frame_dropout:
            frames = frames * (torch.rand_like(frames[..., :1]) >= options.frame_dropout)
        memory = self.decoder.remember(*self._encode(tokens, token_lengths, speaker_embedding))
        groups, stop_logits, alignment = self.decoder(memory, frames, options.generator)
        step_lengths = n_decoder_steps(mel_lengths, factor)
        step_mask = length_mask(step_lengths, groups.shape[1])
        stop_logits, alignment = stop_logits.masked_fill(~step_mask, 0.0), alignment * step_mask[..., None]
        return Tacotron2Output(*self._finish(groups, mask), stop_logits, alignment)

    def packed(self, precision: str | None = None) -> Infer:
        """Pack the decoder's weights: see `Synthesizer.packed`."""
        return partial(self._infer, PackedDecoder(self.decoder, precision))

    @torch.no_grad()
    def _infer(
        self,
        decoder: PackedDecoder,
        tokens: Tensor,
        token_lengths: Tensor,
        speaker_embedding: Tensor | None = None,
        *,
        max_frames: Tensor | int,
        options: InferOptions = SPEAK_PLAINLY,
    ) -> InferOutput:
        """Speak texts, each frame from the model's own before it."""
        self._check(tokens, token_lengths, speaker_embedding)
        factor, n_mels = self.config.reduction_factor, self.config.mel.n_mels
        limits = torch.as_tensor(max_frames, device=tokens.device).expand(len(tokens))
        step_limits = n_decoder_steps(limits, factor)
        memory = self.decoder.remember(*self._encode(tokens, token_lengths, speaker_embedding))
        run = DecoderRun(decoder, memory, _generators(options.generator, len(tokens)))
        frame = memory.values.new_zeros(len(tokens), n_mels)
        groups, stops, alignments = [], [], []
        n_steps = torch.zeros_like(step_limits)
        stopped = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        for _ in range(int(step_limits.max())):
            group, stop = run.step(frame)
            groups.append(group)
            stops.append(stop)
            alignments.append(run.alignment.clone())
            frame = group[:, -n_mels:]
            running = ~stopped & (n_steps < step_limits)
            n_steps += running
            stopped |= running & (stop.sigmoid() > options.stop_threshold)
            if bool((stopped | (n_steps >= step_limits)).all()):
                break
        mel_lengths = torch.minimum(n_steps * factor, limits)
        step_mask = length_mask(n_steps, len(groups))
        alignment = torch.stack(alignments, dim=1) * step_mask[..., None]
        _, after = self._finish(torch.stack(groups, dim=1), length_mask(mel_lengths, int(mel_lengths.max())))
        return InferOutput(after, mel_lengths, alignment, ~stopped, torch.stack(stops, dim=1) * step_mask)


def _generators(
    generator: torch.Generator | Sequence[torch.Generator] | None, n_items: int
) -> Sequence[torch.Generator | None]:
    if generator is None or isinstance(generator, torch.Generator):
        return [generator] * n_items
    if len(generator) != n_items:
        raise ShapeError(f"there are {len(generator)} generators for {n_items} texts; give one, or one for each text")
    return generator

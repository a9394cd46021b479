"""What a synthesizer is trained on. Padding adds to none of it."""

from typing import Annotated, NamedTuple

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from peewee_model.synthesizer.layers import length_mask
from peewee_model.synthesizer.model import Tacotron2Output, n_decoder_steps

Positive = Annotated[float, Field(gt=0.0)]
Weight = Annotated[float, Field(ge=0.0)]


class SynthesizerLossConfig(BaseModel):
    """How the parts of the loss are weighed. Each mel's L1 + L2 has a weight of 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop_weight: Weight
    """Weight of the stop loss."""
    stop_positive_weight: Positive
    """How much more an utterance's last step counts in it than each step before: there is one such step only."""
    guided_attention_weight: Weight
    """Weight of attention off the diagonal."""
    guided_attention_sigma: Positive
    """How far off, in shares of the text, attention may be before it counts. arXiv:1710.08969: 0.2."""


class SynthesizerLosses(NamedTuple):
    """The loss, and its parts before they are weighed. Scalars."""

    total: Tensor
    mel_before: Tensor
    """L1 + L2 per band and frame, before the postnet."""
    mel_after: Tensor
    """The same, after it."""
    stop: Tensor
    """Cross-entropy per step."""
    attention: Tensor
    """Penalty per step, in [0, 1]; see `guided_attention_loss`."""
    mel_draft: Tensor | None
    """As the other mels', of what the decoder drew, where a second pass draws anew; None where none does."""


def synthesizer_loss(
    output: Tacotron2Output,
    mel: Tensor,
    mel_lengths: Tensor,
    token_lengths: Tensor,
    *,
    reduction_factor: int,
    config: SynthesizerLossConfig,
) -> SynthesizerLosses:
    """Compare a prediction with the truth.

    Args:
        output: Of the model.
        mel: (B, M, T)
        mel_lengths: (B,)
        token_lengths: (B,)
        reduction_factor: The model's.
        config: The weights.
    """
    frame_mask = length_mask(mel_lengths, mel.shape[2])
    step_lengths = n_decoder_steps(mel_lengths, reduction_factor)
    before = _mel_loss(output.mel_before, mel, frame_mask)
    after = _mel_loss(output.mel_after, mel, frame_mask)
    stop = stop_loss(output.stop_logits, step_lengths, config.stop_positive_weight)
    attention = guided_attention_loss(output.alignment, step_lengths, token_lengths, config.guided_attention_sigma)
    total = before + after + config.stop_weight * stop + config.guided_attention_weight * attention
    draft = None
    if output.mel_draft is not None:
        draft = _mel_loss(output.mel_draft, mel, frame_mask)
        total = total + draft
    return SynthesizerLosses(total, before, after, stop, attention, draft)


def _mel_loss(predicted: Tensor, mel: Tensor, mask: Tensor) -> Tensor:
    difference = (predicted - mel).masked_fill(~mask[:, None], 0.0)
    return (difference.abs().sum() + difference.square().sum()) / (mask.sum() * mel.shape[1])


def stop_loss(stop_logits: Tensor, step_lengths: Tensor, positive_weight: float) -> Tensor:
    """Cross-entropy of stop logits; the target is 1 at an utterance's last step, 0 before.

    Args:
        stop_logits: (B, T')
        step_lengths: Decoder steps. (B,)
        positive_weight: Of the last step.
    """
    mask = length_mask(step_lengths, stop_logits.shape[1])
    target = ~length_mask(step_lengths - 1, stop_logits.shape[1])
    losses = F.binary_cross_entropy_with_logits(
        stop_logits,
        target.to(stop_logits.dtype),
        pos_weight=torch.tensor(positive_weight, device=stop_logits.device, dtype=stop_logits.dtype),
        reduction="none",
    )
    return losses.masked_fill(~mask, 0.0).sum() / mask.sum()


def guided_attention_loss(alignment: Tensor, step_lengths: Tensor, token_lengths: Tensor, sigma: float) -> Tensor:
    """Penalise attention by its distance from the diagonal: 1 - exp(-(n/N - t/T)^2 / (2 sigma^2)).

    Summed over tokens and averaged over steps, so that it is in [0, 1] and does not fade as texts grow; the paper
    averages over tokens too.

    Args:
        alignment: (B, T', L)
        step_lengths: (B,)
        token_lengths: (B,)
        sigma: In shares of the text.

    Source:
        Tachibana et al. 2017, arXiv:1710.08969, section 4.1.
    """
    steps = _shares(step_lengths, alignment.shape[1])[:, :, None]
    tokens = _shares(token_lengths, alignment.shape[2])[:, None, :]
    penalty = 1 - torch.exp((steps - tokens).square() / (-2 * sigma**2))
    step_mask = length_mask(step_lengths, alignment.shape[1])
    token_mask = length_mask(token_lengths, alignment.shape[2])
    mask = step_mask[:, :, None] & token_mask[:, None, :]
    return (alignment * penalty.to(alignment.dtype)).masked_fill(~mask, 0.0).sum() / step_lengths.sum()


def _shares(lengths: Tensor, n: int) -> Tensor:
    """Where each position's middle is in its item, in [0, 1] where valid. (B, n)"""
    return (torch.arange(n, device=lengths.device) + 0.5) / lengths[:, None]

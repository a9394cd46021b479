"""The losses of synthesizers. Padding adds to none of them."""

from collections.abc import Mapping
from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from peewee_model.synthesizer.layers import length_mask
from peewee_model.synthesizer.non_attentive.aligner import alignment_loss
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveOutput
from peewee_model.synthesizer.synthesizer import n_decoder_steps
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2Output

Output = Tacotron2Output | NonAttentiveOutput
"""A synthesizer's prediction of known recordings."""
Positive = Annotated[float, Field(gt=0.0)]
Weight = Annotated[float, Field(ge=0.0)]


class SynthesizerLossConfig(BaseModel):
    """How the parts of the loss are weighed. Each mel's L1 + L2 has a weight of 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    stop_weight: Weight
    """Tacotron 2: weight of the stop loss."""
    stop_positive_weight: Positive
    """Weight of an utterance's last step in the stop loss, relative to each step before, because there is only one last
    step."""
    guided_attention_weight: Weight
    """Tacotron 2: weight of attention off the diagonal."""
    guided_attention_sigma: Positive
    """Distance from the diagonal, in shares of the text, from which attention is penalised. arXiv:1710.08969: 0.2."""
    aligner_weight: Positive
    """Non-Attentive Tacotron: weight of the aligner's loss."""
    duration_weight: Positive
    """Non-Attentive Tacotron: weight of the predicted durations."""

    def total(self, parts: Mapping[str, Tensor]) -> Tensor:
        """Weigh the parts of a loss, by their names in `UNITS`, and add them up."""
        weights = {
            "stop": self.stop_weight,
            "attention": self.guided_attention_weight,
            "aligner": self.aligner_weight,
            "duration": self.duration_weight,
        }
        return torch.stack([weights.get(name, 1.0) * part for name, part in parts.items()]).sum()


UNITS: dict[str, Literal["frames", "steps", "tokens"]] = {
    "mel_before": "frames",
    "mel_after": "frames",
    "stop": "steps",
    "attention": "steps",
    "aligner": "steps",
    "duration": "tokens",
}
"""The parts of a loss, and what each is a mean over.

- mel_before: L1 + L2 per band, before the postnet.
- mel_after: The same, after it.
- stop: Cross-entropy.
- attention: Penalty in [0, 1]; see `guided_attention_loss`.
- aligner: Negative log-likelihood; see `alignment_loss`.
- duration: Deviance of the aligner's durations from the predicted ones; see `duration_loss`.
"""


def synthesizer_losses(
    output: Output,
    mel: Tensor,
    mel_lengths: Tensor,
    token_lengths: Tensor,
    *,
    reduction_factor: int,
    config: SynthesizerLossConfig,
) -> dict[str, Tensor]:
    """Compare a prediction with the truth.

    Args:
        output: Of the model.
        mel: (B, M, T)
        mel_lengths: (B,)
        token_lengths: (B,)
        reduction_factor: The model's.
        config: The weights.

    Returns:
        The parts of the loss that such a model has, by the names in `UNITS`, before they are weighed. () each
    """
    frame_mask = length_mask(mel_lengths, mel.shape[2])
    step_lengths = n_decoder_steps(mel_lengths, reduction_factor)
    mels = {name: _mel_loss(getattr(output, name), mel, frame_mask) for name in ("mel_before", "mel_after")}
    if isinstance(output, NonAttentiveOutput):
        return mels | {
            "aligner": alignment_loss(output.shares, step_lengths, token_lengths),
            "duration": duration_loss(output.log_durations, output.durations, token_lengths),
        }
    return mels | {
        "stop": stop_loss(output.stop_logits, step_lengths, config.stop_positive_weight),
        "attention": guided_attention_loss(
            output.alignment, step_lengths, token_lengths, config.guided_attention_sigma
        ),
    }


def duration_loss(log_durations: Tensor, durations: Tensor, token_lengths: Tensor) -> Tensor:
    """Compute the deviance of durations under Poisson distributions, whose best prediction is the mean duration.

    So texts last as long as recordings. FastSpeech uses the squared error of logarithms. Its best prediction is the
    geometric mean, which is too short, so speech would be too fast.

    Args:
        log_durations: Logarithms of the predicted means. (B, L)
        durations: (B, L)
        token_lengths: (B,)

    Returns:
        Half the deviance a token, at least 0. ()
    """
    mask = length_mask(token_lengths, durations.shape[1])
    log_durations, found = log_durations.float(), durations.float()  # half precision is too coarse for exp and sums
    deviance = log_durations.exp() - found - found * log_durations + torch.xlogy(found, found)
    return deviance.masked_fill(~mask, 0.0).sum() / mask.sum()


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
    """Return the middle of each position in its item, in [0, 1] where valid. (B, n)"""
    return (torch.arange(n, device=lengths.device) + 0.5) / lengths[:, None]

"""The judge of mels that a synthesizer is trained against. Both are trained at the same time."""

from collections.abc import Mapping
from typing import cast

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import Adam, Optimizer

from peewee_model.synthesizer.layers import length_mask
from peewee_model.synthesizer.synthesizer import Synthesizer
from pipeline.params.params import Section
from pipeline.training.loop.loop import original
from pipeline.training.spoken_texts import SynthesizerBatch
from pipeline.training.synthesizer.mel_discriminator import MelDiscriminator

NAME = "discriminator"


class AdversarialTraining(Section):
    """A judge of mels that the synthesizer is trained against (`synthesizer.training.adversarial`)."""

    weight: float = Field(ge=0)
    """Weight of the judge's loss for the synthesizer, beside L1 + L2; 0 for no judge."""
    from_step: int = Field(ge=0)
    """First step with the judge, because it learns nothing from the mels of the first steps. Weights from before this
    step are never the best ones: a judge moves mels further from the recording than a blur is, so later weights could
    never win against them by that measure."""
    conditional: bool
    """Whether it also receives the speaker embedding, and learns whose voice a mel is."""
    channels: tuple[int, ...] = Field(min_length=1)
    """Channels of its convolutions."""
    learning_rate: float
    """Adam's step size for it."""


class MelJudge:
    """Adds the judge and its optimizer to a synthesizer's training, and uses it from its first step on.

    Args:
        params: `synthesizer.training.adversarial`.
        modules: Of the learner, the synthesizer among them.
        optimizers: Of the learner.
        speaker_embedding_dim: Of the synthesizer; 0 for one of one speaker, whose judge is never conditional.
    """

    def __init__(
        self,
        params: AdversarialTraining,
        modules: dict[str, nn.Module],
        optimizers: dict[str, Optimizer],
        speaker_embedding_dim: int,
    ) -> None:
        self._params, self._modules = params, modules
        modules[NAME] = MelDiscriminator(params.channels, speaker_embedding_dim if params.conditional else 0)
        # arXiv:1511.06434 has 0.5
        optimizers[NAME] = Adam(modules[NAME].parameters(), params.learning_rate, (0.5, 0.9))

    def speaks(self, step: int) -> bool:
        """Return whether the judge is used at a step."""
        return step >= self._params.from_step

    def losses(
        self, mel_after: Tensor, part: SynthesizerBatch, batch: SynthesizerBatch, fabric: Fabric
    ) -> Mapping[str, Tensor]:
        """Compute the judge's gradient on a part of a batch, and the synthesizer's loss, with the same weights.

        Args:
            mel_after: The prediction of the part. (B, M, T)
            part: A part of the batch.
            batch: The whole batch. The losses are the part's share of its losses.
            fabric: Does the backward pass.

        Returns: `total`, to be added to the synthesizer's loss; `adversarial` and `discriminator`, to be logged. ()
            each
        """
        wrapped = self._modules[NAME]
        judge = cast(MelDiscriminator, original(wrapped))
        synthesizer = cast(Synthesizer, original(self._modules["synthesizer"]))
        lengths, mask = part.mel_lengths, length_mask(part.mel_lengths, part.mel.shape[2])
        share = judge.n_patches(lengths).sum() / judge.n_patches(batch.mel_lengths).sum()
        recorded, drawn = (synthesizer.normalised(mel, mask) for mel in (part.mel, mel_after))
        both = torch.cat((recorded, drawn.detach()))
        if judge.voice is None:
            voice = None
            real, fake = wrapped(both).chunk(2)
            false = judge.distance(fake, 0.0, lengths)
        else:
            voice = part.speaker_embedding
            real, fake, others = wrapped(both, voice.repeat(2, 1), part.wrong_voice).chunk(3)
            false = (judge.distance(fake, 0.0, lengths) + judge.distance(others, 0.0, lengths)) / 2
        told_apart = share * (judge.distance(real, 1.0, lengths) + false)
        fabric.backward(told_apart)
        # Here the judge is not trained. So its weights need no gradient, and the wrapper, which would wait for one, is
        # not used.
        weights = {name: weight.detach() for name, weight in judge.named_parameters()}
        adversarial = share * judge.distance(functional_call(judge, weights, (drawn, voice)), 1.0, lengths)
        return {
            "total": self._params.weight * adversarial,
            "adversarial": adversarial,
            "discriminator": told_apart.detach(),
        }

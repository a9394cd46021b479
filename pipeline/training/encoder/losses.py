"""The losses of the encoder: GE2E, angular prototypical, AAM-softmax."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from pipeline.params.params import Section
from pipeline.training.encoder.ge2e import GE2ELoss

Kind = Literal[
    "ge2e_softmax",
    "ge2e_contrast",
    "angular_prototypical",
    "aam_softmax",
    "aam_softmax_and_angular_prototypical",
]


class AamSoftmaxSettings(Section):
    """AAM-softmax (`encoder.training.loss.aam_softmax`)."""

    margin: float = Field(ge=0, lt=math.pi / 2)
    """Angle, in radians, that is added to the angle between an utterance and its own speaker. ECAPA-TDNN's paper has
    0.2."""
    scale: float = Field(gt=0)
    """Factor on the cosines. ECAPA-TDNN's paper has 30."""
    margin_warmup_steps: int = Field(ge=0)
    """The margin grows from 0 to its value over this many steps; 0 for at once."""


class LossSettings(Section):
    """`encoder.training.loss`."""

    kind: Kind
    """The loss. The last one is the sum of the two that it names."""
    aam_softmax: AamSoftmaxSettings

    @property
    def compares_utterances(self) -> bool:
        """Whether the loss needs two utterances or more of each speaker in a batch."""
        return self.kind != "aam_softmax"


class AngularPrototypical(nn.Module):
    """Move a speaker's last utterance nearest to the mean of the speaker's other utterances.

    Source:
        Chung et al. 2020, arXiv:2003.11982, section 2.2 (angular prototypical).
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))  # the initial values of the authors' code
        self.offset = nn.Parameter(torch.tensor(-5.0))

    def forward(self, embeddings: Tensor) -> Tensor:
        """Mean over speakers of -log softmax of the own prototype's similarity.

        Args:
            embeddings: L2-normalised. (N, U, E) with N > 1 and U > 1

        Returns:
            The loss. ()
        """
        prototypes = F.normalize(embeddings[:, :-1].mean(dim=1), dim=1)
        cosine = embeddings[:, -1] @ prototypes.T
        target = torch.arange(len(embeddings), device=embeddings.device)
        return F.cross_entropy(self.scale.clamp(min=1e-6) * cosine + self.offset, target)


class AamSoftmax(nn.Module):
    """Classify utterances by speaker, with a margin added to the angle to the own speaker's weights.

    Source:
        Deng et al. 2019, arXiv:1801.07698 (ArcFace), equation 3. Where the angle plus the margin would pass pi, the
        cosine is lowered by `margin * sin(margin)` instead, as the authors' code has it: so it keeps falling.
    """

    def __init__(self, n_speakers: int, embedding_dim: int, settings: AamSoftmaxSettings) -> None:
        super().__init__()
        self.weight = nn.Parameter(nn.init.xavier_normal_(torch.empty(n_speakers, embedding_dim)))
        self._settings = settings

    def forward(self, embeddings: Tensor, speakers: Tensor, step: int) -> Tensor:
        """Mean over utterances of -log softmax of the own speaker's cosine, less the margin.

        Args:
            embeddings: L2-normalised. (N, U, E)
            speakers: The class of each speaker in the batch. (N,)
            step: Of the training, for the warm-up of the margin.

        Returns:
            The loss. ()
        """
        settings = self._settings
        share = min(1.0, step / settings.margin_warmup_steps) if settings.margin_warmup_steps else 1.0
        flat = embeddings.flatten(0, 1)
        target = speakers.repeat_interleave(embeddings.shape[1])
        cosine = F.linear(flat, F.normalize(self.weight, dim=1))
        cosine = cosine.to(torch.promote_types(cosine.dtype, torch.float32))  # half precision is too coarse
        own = _pushed(cosine.gather(1, target[:, None]), settings.margin * share)
        return F.cross_entropy(settings.scale * cosine.scatter(1, target[:, None], own), target)


def _pushed(cosine: Tensor, margin: float) -> Tensor:
    """Return cos(angle + margin); beyond pi, where it would rise again, a lower value."""
    sine = (1 - cosine.square()).clamp(min=1e-9).sqrt()  # its gradient at 0 is infinite
    pushed = cosine * math.cos(margin) - sine * math.sin(margin)
    return torch.where(cosine > math.cos(math.pi - margin), pushed, cosine - margin * math.sin(margin))


class SpeakerLoss(nn.Module):
    """The loss that `encoder.training.loss` asks for.

    Args:
        settings: Which.
        n_speakers: Classes, for those that classify.
        embedding_dim: E.
    """

    def __init__(self, settings: LossSettings, n_speakers: int, embedding_dim: int) -> None:
        super().__init__()
        kind = settings.kind
        self.ge2e = GE2ELoss("contrast" if kind == "ge2e_contrast" else "softmax") if kind.startswith("ge2e") else None
        self.prototypical = AngularPrototypical() if kind.endswith("angular_prototypical") else None
        self.classifier = (
            AamSoftmax(n_speakers, embedding_dim, settings.aam_softmax) if kind.startswith("aam_softmax") else None
        )

    def forward(self, embeddings: Tensor, speakers: Tensor, step: int) -> Tensor:
        """Add up the chosen losses.

        Args:
            embeddings: L2-normalised. (N, U, E)
            speakers: The class of each speaker in the batch. (N,)
            step: Of the training.

        Returns:
            The loss. ()
        """
        parts = []
        if self.ge2e is not None:
            parts.append(self.ge2e(embeddings))
        if self.prototypical is not None:
            parts.append(self.prototypical(embeddings))
        if self.classifier is not None:
            parts.append(self.classifier(embeddings, speakers, step))
        return torch.stack(parts).sum()

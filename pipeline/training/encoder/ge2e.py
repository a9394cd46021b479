"""The generalised end-to-end losses: softmax and contrast."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class GE2ELoss(nn.Module):
    """Move each utterance towards its speaker's centroid, and away from the others'.

    An utterance is left out of its own speaker's centroid. Gradients flow through the centroids too; other
    implementations detach them, which is a different, weaker loss.

    Args:
        kind: `softmax`: -log softmax of the own speaker's similarity (equation 6). `contrast`: the own speaker's and
            the most similar other one's alone (equation 7).

    Source:
        Wan et al. 2018, arXiv:1710.10467, equations 5 to 9.
    """

    def __init__(self, kind: Literal["softmax", "contrast"] = "softmax") -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))  # (w, b) = (10, -5), section 2.1
        self.offset = nn.Parameter(torch.tensor(-5.0))
        self._kind = kind

    def similarity(self, embeddings: Tensor) -> Tensor:
        """Scaled cosine of every utterance to every speaker's centroid.

        Args:
            embeddings: L2-normalised, U > 1 utterances of each of N speakers. (N, U, E)

        Returns:
            (N, U, N)
        """
        n_speakers, n_utterances, _ = embeddings.shape
        total = embeddings.sum(dim=1)
        centroids = F.normalize(total / n_utterances, dim=1)
        without_own = F.normalize((total[:, None] - embeddings) / (n_utterances - 1), dim=2)
        cosine = torch.einsum("nue,ke->nuk", embeddings, centroids)
        own = (embeddings * without_own).sum(dim=2)
        is_own = torch.eye(n_speakers, dtype=torch.bool, device=embeddings.device)[:, None, :]
        cosine = torch.where(is_own, own[:, :, None], cosine)
        return self.scale.clamp(min=1e-6) * cosine + self.offset  # w > 0, so that a nearer centroid is more similar

    def forward(self, embeddings: Tensor) -> Tensor:
        """Mean of the utterances' losses.

        Args:
            embeddings: L2-normalised. (N, U, E) with N > 1 and U > 1

        Returns:
            The loss. ()
        """
        similarity = self.similarity(embeddings)
        n_speakers, n_utterances, _ = embeddings.shape
        target = torch.arange(n_speakers, device=embeddings.device).repeat_interleave(n_utterances)
        rows = similarity.reshape(-1, n_speakers)
        if self._kind == "softmax":
            return F.cross_entropy(rows, target)
        likeness = torch.sigmoid(rows)
        own = likeness.gather(1, target[:, None])[:, 0]
        others = likeness.scatter(1, target[:, None], -1.0)  # a sigmoid is never below 0
        return (1 - own + others.max(dim=1).values).mean()

"""A discriminator of patches of mels, against which a synthesizer can be trained, and its losses.

Errors of single frames are smallest for the mean of all ways to say a sound, which is a blur that no person says. A
discriminator that is trained on mels of recordings prefers one of these ways. Source: Saito et al. 2018,
arXiv:1709.08041, with the least squares of arXiv:1611.04076.

A conditional discriminator also receives a speaker embedding, and learns whether a mel is of that speaker. A projection
of the embedding is added to its scores (arXiv:1802.05637). A recording with the embedding of another speaker counts as
false (arXiv:1605.05396).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.synthesizer.layers import length_mask


class MelDiscriminator(nn.Module):
    """Convolutions over bands and frames, each with a stride of 2; the first along the bands only.

    Args:
        channels: Of each convolution.
        speaker_embedding_dim: E; 0 if it is not conditional.
    """

    def __init__(self, channels: tuple[int, ...], speaker_embedding_dim: int = 0) -> None:
        super().__init__()
        pairs = zip((1, *channels[:-1]), channels, strict=True)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, 3, stride=(2, 2 if layer else 1), padding=1)
            for layer, (before, after) in enumerate(pairs)
        )
        self.scores = nn.Conv2d(channels[-1], 1, 3, padding=1)
        self.voice = nn.Linear(speaker_embedding_dim, channels[-1], bias=False) if speaker_embedding_dim else None
        self.stride = 2 ** (len(channels) - 1)
        """Frames from one score to the next."""

    def forward(
        self, mel: Tensor, speaker_embedding: Tensor | None = None, wrong_voices: Tensor | None = None
    ) -> Tensor:
        """Score each patch of mels.

        Args:
            mel: Normalised, zero at padding. (B, M, T)
            speaker_embedding: Of the speaker of each; None if and only if it is not conditional. (B, E)
            wrong_voices: Embeddings of other speakers. The first W mels are scored a second time, with these. (W, E)

        Returns:
            The scores of the mels, then the second scores of the first W. (B + W, M', T')
        """
        values = mel[:, None]
        for convolution in self.convolutions:
            values = F.leaky_relu(convolution(values), 0.2)
        scores: Tensor = self.scores(values)[:, 0]
        if self.voice is None:
            return scores
        assert speaker_embedding is not None
        if wrong_voices is not None:
            n_again = len(wrong_voices)
            values, scores = torch.cat((values, values[:n_again])), torch.cat((scores, scores[:n_again]))
            speaker_embedding = torch.cat((speaker_embedding, wrong_voices))
        return scores + torch.einsum("bcmt,bc->bmt", values, self.voice(speaker_embedding))

    def distance(self, scores: Tensor, target: float, mel_lengths: Tensor) -> Tensor:
        """Compute the mean squared distance from a target, over the patches that do not begin in padding. ()

        Args:
            scores: Of mels of these lengths. (B, M', T')
            target: To train the judge, 1 for recordings and 0 for predictions; to train the synthesizer, 1.
            mel_lengths: (B,)
        """
        mask = length_mask(self.n_patches(mel_lengths), scores.shape[2])[:, None]
        squares = (scores - target).square().masked_fill(~mask, 0.0)
        return squares.sum() / (mask.sum() * scores.shape[1])

    def n_patches(self, mel_lengths: Tensor) -> Tensor:
        """Count the patches along mels of these lengths (B,) that do not begin in padding. (B,)"""
        return torch.div(mel_lengths + self.stride - 1, self.stride, rounding_mode="floor")

"""A second pass over a mel: once attention has read the whole text, all frames are drawn anew from what it looked at.

The decoder of Tacotron 2 draws a frame from the text and from the frames before. Taught with true frames, it goes on
from these rather than reads, and mumbles when it has but its own; and it can't know how long the sound that it is in
will last. The second pass is told no frame at all: it sees, for every step, the mean of the text's vectors that
attention made, of the steps to come too. The decoder's own frames, the draft, only keep the attention in time. So what
is heard is learned as in models with durations (Non-Attentive Tacotron, arXiv:2010.04301), and durations need no
aligner, for attention finds them (docs/adr/0009).

No gradient of the second pass reaches the alignment: it would teach attention, which does know the frames before, to
tell of them by how it spreads, and then nothing is read once these frames are the model's own.
"""

import torch
from torch import Tensor, nn

from peewee_model.synthesizer.config import SynthesizerConfig
from peewee_model.synthesizer.layers import ConvolutionBlock, length_mask, xavier


class SecondPass(nn.Module):
    """Residual convolutions over contexts, and a projection to groups of `reduction_factor` frames."""

    def __init__(self, config: SynthesizerConfig) -> None:
        super().__init__()
        channels, n_context = config.second_pass_channels, config.symbol_embedding_dim + config.speaker_embedding_dim
        self.entry = nn.Linear(n_context, channels)
        self.blocks = nn.ModuleList(
            ConvolutionBlock(channels, channels, config.second_pass_kernel_size, "relu", config.second_pass_dropout)
            for _ in range(config.second_pass_n_convolutions)
        )
        self.projection = nn.Linear(channels + n_context, config.mel.n_mels * config.reduction_factor)
        xavier(self.entry, "linear")
        xavier(self.projection, "linear")

    def forward(self, contexts: Tensor, step_lengths: Tensor) -> Tensor:
        """Draw all groups of frames.

        Args:
            contexts: What attention looked at in each step. (B, T', D)
            step_lengths: Steps of each text. (B,)

        Returns:
            Normalised frames; what stands at padding means nothing. (B, T', r x M)
        """
        mask = length_mask(step_lengths, contexts.shape[1])[:, None].to(contexts.dtype)
        values = self.entry(contexts).transpose(1, 2) * mask  # (B, C, T'), as convolutions want it
        for block in self.blocks:
            values = values + block(values, mask)
        drawn: Tensor = self.projection(torch.cat((values.transpose(1, 2), contexts), dim=2))
        return drawn

"""The decoder: attention LSTM and attention, a second LSTM, and the projections to frames and stop logits.

It can run in two ways, which tests compare. `forward` knows the mel (teacher forcing) and loops only over the
attention. `DecoderRun` in `inference` continues from its own last frame.
"""

import torch
from torch import Tensor, nn

from peewee_model.networks.portable_lstm import LSTM
from peewee_model.synthesizer.layers import dropout, xavier
from peewee_model.synthesizer.tacotron2.attention import AttentionWeights, LocationSensitiveAttention, Memory
from peewee_model.synthesizer.tacotron2.attention_graphs import fastest_attention_loop
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config
from peewee_model.synthesizer.tacotron2.prenet import Prenet
from peewee_model.synthesizer.tacotron2.products import linear


class Decoder(nn.Module):
    """Predicts groups of `reduction_factor` frames from encoded text. Source: arXiv:1712.05884, section 2.2."""

    def __init__(self, config: Tacotron2Config) -> None:
        super().__init__()
        sizes, n_mels = config.tacotron2, config.mel.n_mels
        memory_dim = config.symbol_embedding_dim + config.speaker_embedding_dim
        self.prenet = Prenet(n_mels, sizes)
        self.attention_rnn = nn.LSTMCell(sizes.prenet_dim + memory_dim, sizes.attention_rnn_dim)
        self.attention = LocationSensitiveAttention(sizes, memory_dim)
        self.decoder_rnn = LSTM(sizes.attention_rnn_dim + memory_dim, sizes.decoder_rnn_dim)
        projected = sizes.decoder_rnn_dim + memory_dim
        self.mel_projection = nn.Linear(projected, n_mels * config.reduction_factor)
        self.stop_projection = nn.Linear(projected, 1)
        self.attention_dropout, self.decoder_dropout = sizes.attention_dropout, sizes.decoder_dropout
        xavier(self.mel_projection, "linear")
        xavier(self.stop_projection, "sigmoid")

    def remember(self, values: Tensor, mask: Tensor) -> Memory:
        """Prepare encoded text for attention.

        Args:
            values: Zero at padding. (B, L, D)
            mask: True where valid. (B, L)
        """
        return Memory(values, self.attention.memory(values), mask)

    def attention_weights(self) -> AttentionWeights:
        """Collect the weights of an attention step."""
        rnn = self.attention_rnn
        recurrent = torch.cat((rnn.weight_hh, rnn.weight_ih[:, self.prenet.n_out :]), dim=1)
        kernel, score = self.attention.location_kernel(), self.attention.score.weight[0]
        return AttentionWeights(recurrent, self.attention.query.weight, kernel, score)

    def input_gates(self, squeezed: Tensor) -> Tensor:
        """Compute the share of the prenet's output (..., prenet_dim) in the attention LSTM's gates (..., 4H)."""
        weight = self.attention_rnn.weight_ih[:, : squeezed.shape[-1]]
        return linear(squeezed, weight, self.attention_rnn.bias_ih + self.attention_rnn.bias_hh)

    def forward(
        self, memory: Memory, frames: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Predict each group of frames from the true ones before it.

        Args:
            memory: The encoded text.
            frames: The input frame of each step: the last frame of the group before, zero at first. (T', B, M)
            generator: For the prenet's dropout; in evaluation mode there is none without it.

        Returns:
            Groups of frames (B, T', r x M), stop logits (B, T') and alignments (B, T', L).
        """
        squeezed = self.prenet(frames, drop=self.training or generator is not None, generator=generator)
        gates = self.input_gates(squeezed)
        # Rounding errors add up over hundreds of steps, so the loop does not run in mixed precision.
        with torch.autocast(gates.device.type, enabled=False):
            weights = self.attention_weights()
            exact = weights.recurrent.dtype
            memory = Memory(memory.values.to(exact), memory.keys.to(exact), memory.mask)
            dropout_masks = None
            if self.training and self.attention_dropout > 0:
                ones = gates.new_ones((*gates.shape[:2], self.attention_rnn.hidden_size), dtype=exact)
                dropout_masks = dropout(ones, self.attention_dropout)
            states, alignment = fastest_attention_loop(gates.to(exact), memory, weights, dropout_masks)
        hidden, _ = self.decoder_rnn(states)
        if self.training:
            hidden = dropout(hidden, self.decoder_dropout)
        found = torch.cat((hidden, states[..., self.attention_rnn.hidden_size :]), dim=2).transpose(0, 1)
        return self.mel_projection(found), self.stop_projection(found)[..., 0], alignment.transpose(0, 1)

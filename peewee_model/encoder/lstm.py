"""The encoder of GE2E's paper: stacked LSTMs."""

from torch import Tensor, nn

from peewee_model.encoder.config import LstmSizes
from peewee_model.encoder.pooling import AttentiveStatistics
from peewee_model.networks.portable_lstm import LSTM


class LstmNetwork(nn.Module):
    """LSTMs, whose outputs are pooled and projected.

    Source:
        Wan et al. 2018, arXiv:1710.10467, section 3; there the last output is taken.
    """

    def __init__(self, n_mels: int, sizes: LstmSizes) -> None:
        super().__init__()
        self.lstm = LSTM(n_mels, sizes.hidden_dim, sizes.n_layers, batch_first=True, proj_size=sizes.projection_dim)
        width = sizes.projection_dim or sizes.hidden_dim
        self._takes_mean = sizes.pooling == "mean"
        self.pooling = (
            AttentiveStatistics(width, sizes.attention_channels) if sizes.pooling == "attentive_statistics" else None
        )
        self.projection = nn.Linear(2 * width if self.pooling else width, sizes.embedding_dim)

    def forward(self, mel: Tensor) -> Tensor:
        """Embed, without normalising.

        Args:
            mel: Normalised mels. (B, M, T)

        Returns:
            (B, E)
        """
        output, _ = self.lstm(mel.transpose(1, 2))  # (B, T, M): time is what the LSTM runs over
        if self.pooling is not None:
            pooled = self.pooling(output.transpose(1, 2))  # (B, T, H) -> (B, H, T)
        else:
            pooled = output.mean(dim=1) if self._takes_mean else output[:, -1]
        embedded: Tensor = self.projection(pooled)
        return embedded

"""The speaker encoder: a recording in, a point on the unit sphere out, near to others of the same voice."""

from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from peewee_model.audio.mel import MelConfig
from peewee_model.errors import ShapeError
from peewee_model.weights import load_config, load_weights


class EncoderArchitecture(BaseModel):
    """Sizes of the network (`encoder.architecture` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    n_layers: int
    """Stacked LSTMs. The paper has 3."""
    hidden_dim: int
    """Cells in a layer. The paper has 768."""
    projection_dim: int
    """Each layer's output is projected to this many values; 0 for no projection. The paper has 256."""
    embedding_dim: int
    """E, the length of a speaker embedding. The paper has 256."""
    window_frames: int
    """Frames that are embedded at a time at inference. The paper has 160, of 10 ms."""
    window_overlap: float
    """Share of a window that the next one overlaps. The paper has 0.5."""


class EncoderConfig(EncoderArchitecture):
    """What rides with a trained encoder: its sizes, and the mels it was trained on."""

    mel: MelConfig
    """The mels that it hears."""


class SpeakerEncoder(nn.Module):
    """LSTMs whose last output, projected and normalised, is the speaker embedding.

    Source:
        Wan et al. 2018, arXiv:1710.10467, sections 2 and 3. A deviation: the mel bands are brought to zero mean and
        unit variance over the training data (`set_statistics`), because Adam converges several times faster so.
    """

    mel_mean: Tensor
    mel_std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.lstm = nn.LSTM(
            config.mel.n_mels, config.hidden_dim, config.n_layers, batch_first=True, proj_size=config.projection_dim
        )
        self.projection = nn.Linear(config.projection_dim or config.hidden_dim, config.embedding_dim)
        self.register_buffer("mel_mean", torch.zeros(config.mel.n_mels))
        self.register_buffer("mel_std", torch.ones(config.mel.n_mels))

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Fix the mean and standard deviation of each mel band. (M,) and (M,)"""
        self.mel_mean.copy_(mean)
        self.mel_std.copy_(std.clamp(min=1e-3))  # a silent band must not be blown up

    def forward(self, mel: Tensor) -> Tensor:
        """Embed partial utterances of equal length on the unit sphere.

        Args:
            mel: Log-mel, natural log of magnitude. (B, M, T)

        Returns:
            L2-normalised speaker embeddings. (B, E)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``.

        Source:
            Wan et al. 2018, arXiv:1710.10467, section 2.1.
        """
        if mel.dim() != 3 or mel.shape[1] != self.config.mel.n_mels:
            raise ShapeError(f"the encoder hears (B, {self.config.mel.n_mels}, T) mels, not {tuple(mel.shape)}")
        frames = (mel.transpose(1, 2) - self.mel_mean) / self.mel_std  # (B, T, M): time is what the LSTM runs over
        output, _ = self.lstm(frames)
        return F.normalize(self.projection(output[:, -1]), dim=1)

    @torch.no_grad()
    def embed_utterance(self, mel: Tensor) -> Tensor:
        """Embed an utterance of any length: overlapping windows, each normalised, averaged, normalised again.

        The last window ends with the utterance, so that every frame is heard; an utterance shorter than a window is
        one window of its own length.

        Args:
            mel: Log-mel. (M, T) with T > 0

        Returns:
            The embedding, of length 1. (E,)

        Source:
            Wan et al. 2018, arXiv:1710.10467, section 3.2.
        """
        size = self.config.window_frames
        if mel.shape[1] <= size:
            return self.forward(mel[None])[0]
        hop = max(1, round(size * (1 - self.config.window_overlap)))
        starts = [*range(0, mel.shape[1] - size, hop), mel.shape[1] - size]
        windows = torch.stack([mel[:, start : start + size] for start in starts])
        return F.normalize(self.forward(windows).mean(dim=0), dim=0)


def load_encoder(folder: Path) -> SpeakerEncoder:
    """Load a trained encoder, ready for inference, from a folder with `config.json` and `model.safetensors`."""
    encoder = SpeakerEncoder(load_config(folder, EncoderConfig))
    load_weights(folder, encoder)
    return encoder.eval()

"""The speaker encoder: maps a recording to a point on the unit sphere, near to the points of the same voice."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peewee_model.encoder.config import EcapaTdnnSizes, EncoderConfig, LstmSizes, TdnnSizes
from peewee_model.encoder.ecapa_tdnn import EcapaTdnn
from peewee_model.encoder.lstm import LstmNetwork
from peewee_model.encoder.silence import without_silence
from peewee_model.encoder.tdnn import Tdnn
from peewee_model.errors import ShapeError
from peewee_model.networks.weights import load_config, load_weights

_BATCH_FRAMES = 16_384
"""Frames that `embed_utterances` puts through the network at a time: enough to keep it busy, and little memory."""


class SpeakerEncoder(nn.Module):
    """A network whose output, normalised, is the speaker embedding.

    The mel bands are scaled to zero mean and unit variance (`set_statistics`, `normalize`) before the network receives
    them. GE2E's paper does not do this; with it, Adam converges several times faster.
    """

    mel_mean: Tensor
    mel_std: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        n_mels = config.mel.n_mels
        self.network = _network(n_mels, config.sizes)
        self.register_buffer("mel_mean", torch.zeros(n_mels))
        self.register_buffer("mel_std", torch.ones(n_mels))

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Fix the mean and standard deviation of each mel band. (M,) and (M,)"""
        self.mel_mean.copy_(mean)
        self.mel_std.copy_(std.clamp(min=1e-3))  # a silent band must not be blown up

    def forward(self, mel: Tensor) -> Tensor:
        """Embed partial utterances of equal length on the unit sphere.

        Args:
            mel: Log-mel, natural log of magnitude, without the frames that `silence_db` drops. (B, M, T)

        Returns:
            L2-normalised speaker embeddings. (B, E)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``.

        Source:
            Wan et al. 2018, arXiv:1710.10467, section 2.1.
        """
        if mel.dim() != 3 or mel.shape[1] != self.config.mel.n_mels:
            raise ShapeError(f"the encoder takes (B, {self.config.mel.n_mels}, T) mels, not {tuple(mel.shape)}")
        mean = mel.mean(dim=2, keepdim=True) if self.config.normalize == "utterance" else self.mel_mean[:, None]
        return F.normalize(self.network((mel - mean) / self.mel_std[:, None]), dim=1)

    def embed_utterance(self, mel: Tensor) -> Tensor:
        """Embed an utterance of any length.

        Its silence is dropped (`silence_db`). Then it is embedded whole, or in overlapping windows whose normalised
        embeddings are averaged and normalised again (`window_frames`). The last window ends with the utterance, so that
        every frame is used; an utterance shorter than a window is one window of its own length.

        Args:
            mel: Log-mel. (M, T) with T > 0

        Returns:
            The embedding, of length 1. (E,)

        Raises:
            ShapeError: If M differs from the config's ``n_mels``, or T is 0.

        Source:
            Wan et al. 2018, arXiv:1710.10467, section 3.2.
        """
        return self.embed_utterances([mel])[0]

    @torch.no_grad()
    def embed_utterances(self, mels: Sequence[Tensor]) -> Tensor:
        """Embed many utterances: windows of one length go through the network together.

        Each result is `embed_utterance`'s, up to the rounding of larger batches. Batch norm uses the statistics of the
        training, whatever mode the module is in.

        Args:
            mels: Log-mels on the module's device. (M, T_n) each

        Returns:
            (N, E)
        """
        groups: dict[int, list[int]] = {}  # all windows of an utterance are of one length
        windows = [self._windows(mel) for mel in mels]
        for index, own in enumerate(windows):
            groups.setdefault(own[0].shape[1], []).append(index)
        embeddings: list[Tensor] = [self.mel_mean] * len(mels)
        with _evaluating(self):
            for n_frames, group in groups.items():
                together = torch.stack([window for index in group for window in windows[index]])
                parts = torch.split(together, max(1, _BATCH_FRAMES // n_frames))
                embedded = torch.cat([self.forward(part) for part in parts])
                of_each = torch.split(embedded, [len(windows[index]) for index in group])
                for index, own_embeddings in zip(group, of_each, strict=True):
                    embeddings[index] = _centre(own_embeddings)
        return torch.stack(embeddings)

    def _windows(self, mel: Tensor) -> list[Tensor]:
        if mel.dim() != 2 or mel.shape[0] != self.config.mel.n_mels or not mel.shape[1]:
            raise ShapeError(f"the encoder embeds ({self.config.mel.n_mels}, T) mels of T > 0, not {tuple(mel.shape)}")
        mel = without_silence(mel, self.config.silence_db)
        size = self.config.sizes.window_frames
        if not size or mel.shape[1] <= size:
            return [mel]
        hop = max(1, round(size * (1 - self.config.sizes.window_overlap)))
        starts = [*range(0, mel.shape[1] - size, hop), mel.shape[1] - size]
        return [mel[:, start : start + size] for start in starts]


def _network(n_mels: int, sizes: LstmSizes | TdnnSizes | EcapaTdnnSizes) -> LstmNetwork | Tdnn | EcapaTdnn:
    match sizes:
        case LstmSizes():
            return LstmNetwork(n_mels, sizes)
        case TdnnSizes():
            return Tdnn(n_mels, sizes)
        case EcapaTdnnSizes():
            return EcapaTdnn(n_mels, sizes)


def _centre(embeddings: Tensor) -> Tensor:
    """Return the normalised mean; a single embedding is returned as it is. (W, E) -> (E,)"""
    return F.normalize(embeddings.mean(dim=0), dim=0) if len(embeddings) > 1 else embeddings[0]


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Hold a module in evaluation mode."""
    was_training = module.training
    if was_training:
        module.eval()
    try:
        yield
    finally:
        if was_training:
            module.train()


def load_encoder(folder: Path) -> SpeakerEncoder:
    """Load a trained encoder, ready for inference, from a folder with `config.json` and `model.safetensors`."""
    encoder = SpeakerEncoder(load_config(folder, EncoderConfig))
    load_weights(folder, encoder)
    return encoder.eval()

"""Looks whether a reference holds one voice, or two: the encoder's own embeddings of its parts fall into two groups."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from peewee_model.encoder.silence import loud_frames
from peewee_model.encoder.speaker_encoder import SpeakerEncoder

_WINDOW_S = 3.0
_MAX_WINDOWS = 40
"""Of longer references, so many are chosen evenly."""
_PAUSE_DB = 35.0
_LEAST_SHARE = 0.1
"""Of the windows that a group must have: one odd window in a long reference is no second person."""
_ROUNDS = 10

FloatArray = npt.NDArray[np.floating]


def likeness_of_halves(encoder: SpeakerEncoder, mels: Sequence[Tensor]) -> float | None:
    """Divide a reference into the two groups of windows that differ most, and compare them.

    Args:
        encoder: Of the release.
        mels: Of the recordings, as the encoder takes them. (M, T) each

    Returns:
        As `cosine_of_groups`; None if there are not two windows of 3 s of speech.
    """
    frames = round(_WINDOW_S * encoder.config.mel.sample_rate / encoder.config.mel.hop_length)
    windows = [window for mel in mels for window in _windows(mel, frames)]
    if len(windows) < 2:
        return None
    chosen = np.unique(np.linspace(0, len(windows) - 1, min(len(windows), _MAX_WINDOWS)).round().astype(int))
    return cosine_of_groups(encoder.embed_utterances([windows[index] for index in chosen]).cpu().numpy())


def cosine_of_groups(embeddings: FloatArray) -> float:
    """Find two groups by spherical k-means, begun with the pair that is farthest apart, and compare their means.

    Means of more windows are more alike. So the cosine is converted to that of one window against another, which can be
    compared with the threshold of an encoder. Half of the windows that a group has beyond the first are counted: the
    groups were chosen to differ.

    Args:
        embeddings: Of windows. (W, E)

    Returns:
        The cosine; 1 if no two groups are large enough.

    Source:
        Spearman 1910 and Brown 1910 for how likeness grows with length; the half was found by trial, see
        docs/references.md.
    """
    cosines = embeddings @ embeddings.T
    means = embeddings[list(np.unravel_index(int(cosines.argmin()), cosines.shape))]
    smaller = 1
    for _ in range(_ROUNDS):
        second = embeddings @ means[0] < embeddings @ means[1]
        smaller = int(min(second.sum(), (~second).sum()))
        if smaller < max(1.0, _LEAST_SHARE * len(embeddings)):
            return 1.0
        means = np.stack([embeddings[group].mean(axis=0) for group in (~second, second)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
    worth, cosine = 1 + (smaller - 1) / 2, float(means[0] @ means[1])
    return cosine / (worth - (worth - 1) * cosine)


def _windows(mel: Tensor, frames: int) -> list[Tensor]:
    """Cut the speech of a recording into equal windows of about 3 s."""
    speech = mel[:, loud_frames(mel, _PAUSE_DB)]
    n_windows = speech.shape[1] // frames
    return list(torch.tensor_split(speech[:, : n_windows * frames], n_windows, dim=1)) if n_windows else []

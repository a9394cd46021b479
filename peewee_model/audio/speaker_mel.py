"""Makes the mels that the speaker encoder receives: of training data and of a reference, in the same way."""

import numpy as np

from peewee_model.audio.loudness import level
from peewee_model.audio.mel import Float32Array, SpeakerMelConfig, log_mel


def speaker_mel(samples: Float32Array, config: SpeakerMelConfig) -> Float32Array:
    """Prepare a whole recording and make its mel.

    Args:
        samples: At ``config.sample_rate``. (S,)
        config: How.

    Returns:
        As `log_mel`. (M, T)

    Raises:
        ShapeError: If there is more than one channel.
        AudioError: If the samples are empty or not finite.
    """
    if config.loudness_lufs is not None and samples.ndim == 1 and samples.size:
        samples = samples - samples.mean(dtype=np.float64).astype(np.float32)
        samples = level(samples, config.sample_rate, config.loudness_lufs)
    return log_mel(samples, config)

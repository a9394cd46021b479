"""Figures of how an utterance is spoken: melody, voicing, harmonics and pace.

Over-smoothed mels sound buzzy and flat: their harmonics stand out less from the envelope, and their F0 moves less. No
figure is good or bad alone: compare it with that of the recordings.
"""

from collections.abc import Mapping

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from peewee_model.audio.mel import MelConfig, log_mel
from pipeline.evaluation.judges.models import SAMPLE_RATE
from pipeline.evaluation.judges.pitch import HOP
from pipeline.evaluation.recognition import plain_words

_MEL = MelConfig(
    sample_rate=SAMPLE_RATE, n_fft=1024, win_length=1024, hop_length=HOP, n_mels=60, f_min=50.0, f_max=2_000.0,
    log_floor=1e-5,
)  # fmt: skip
"""Bands of about 30 Hz, which resolve the harmonics of every voice, in frames of 64 ms."""
_N_ENVELOPE = 10
"""Cosines that make the envelope: the finest has a period of 430 Hz, more than a harmonic's distance."""
_DB = 20 / np.log(10)


def prosody(text: str, samples: NDArray[np.float32], f0_hz: NDArray[np.float64]) -> Mapping[str, float | None]:
    """Compute the figures of an utterance; None for what needs voiced frames, if there are none.

    Args:
        text: What is said.
        samples: Mono at `models.SAMPLE_RATE`; not empty.
        f0_hz: F0 of each frame, NaN where it is not voiced. (T,)

    Returns:
        f0_hz: Median of F0.
        f0_deviation: Standard deviation of F0 in semitones.
        voiced: Share of frames that are voiced.
        harmonic_ripple: Root mean square of the log-mel about its envelope, over voiced frames, in dB.
        pace: Characters a second.
    """
    voiced = np.isfinite(f0_hz)
    found: dict[str, float | None] = {
        "f0_hz": None,
        "f0_deviation": None,
        "voiced": float(voiced.mean()) if len(voiced) else 0.0,
        "harmonic_ripple": None,
        "pace": len(plain_words(text)) * SAMPLE_RATE / len(samples),
    }
    if voiced.any():
        median = float(np.median(f0_hz[voiced]))
        found |= {
            "f0_hz": median,
            "f0_deviation": float(np.std(12 * np.log2(f0_hz[voiced] / median))),
            "harmonic_ripple": _ripple(samples, voiced),
        }
    return found


def _ripple(samples: NDArray[np.float32], voiced: NDArray[np.bool_]) -> float:
    mel = log_mel(samples, _MEL).astype(np.float64)
    n_frames = min(mel.shape[1], len(voiced))
    cosines = scipy.fft.dct(mel[:, :n_frames][:, voiced[:n_frames]], axis=0, norm="ortho")
    # The transform keeps sums of squares, so that the rest needs no way back.
    return float(_DB * np.sqrt(np.mean(np.sum(cosines[_N_ENVELOPE:] ** 2, axis=0) / _MEL.n_mels)))

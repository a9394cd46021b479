"""An independent speaker verifier, which the trainings do not use: Resemblyzer (Apache-2.0, with its weights)."""

import importlib.util
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import resample
from peewee_model.audio.mel import MelConfig, mel_filter_bank
from pipeline.evaluation.judges.models import RESEMBLYZER

_MEL = MelConfig(
    sample_rate=16_000, n_fft=400, win_length=400, hop_length=160, n_mels=40, f_min=0.0, f_max=8_000.0, log_floor=1e-9
)
"""What Resemblyzer's weights were trained on (its hparams.py): constants of Resemblyzer, not settings of this
project."""
_PARTIALS_PER_S, _MIN_COVERAGE = 1.3, 0.75
"""Resemblyzer's own defaults."""


def verifier_is_installed() -> bool:
    """Return whether Resemblyzer is installed, without importing it."""
    return importlib.util.find_spec(RESEMBLYZER.package) is not None


class Verifier:
    """Embeds utterances exactly as `resemblyzer.VoiceEncoder.embed_utterance` does.

    Its mel is computed here: Resemblyzer's comes from librosa, whose first call compiles for 17 s.

    Raises:
        JudgeError: If its weights are not the expected ones.
    """

    def __init__(self) -> None:
        RESEMBLYZER.find()
        from resemblyzer import VoiceEncoder

        self._encoder: Any = VoiceEncoder(device="cpu", verbose=False)

    def embed(self, samples: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
        """Embed a mono utterance on the unit sphere; zeros if there is no voice in it. (256,)"""
        import torch
        from resemblyzer import audio
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

        speech = resample(samples, sample_rate, _MEL.sample_rate)
        if not speech.any():
            return np.zeros(256, dtype=np.float32)
        speech = audio.normalize_volume(speech, audio.audio_norm_target_dBFS, increase_only=True)
        speech = audio.trim_long_silences(speech)
        sample_slices, frame_slices = self._encoder.compute_partial_slices(len(speech), _PARTIALS_PER_S, _MIN_COVERAGE)
        speech = np.pad(speech, (0, max(0, sample_slices[-1].stop - len(speech))))
        mel = _power_mel(speech)
        # One thread: the network is small, and the number of threads would change the order of sums and so the last
        # bits.
        with torch.inference_mode(), threadpool_limits(limits=1):
            partials = self._encoder(torch.from_numpy(np.stack([mel[span] for span in frame_slices]))).numpy()
        mean = partials.mean(axis=0)
        return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def _power_mel(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mel of power, no log, (T, M) as Resemblyzer wants it: librosa.feature.melspectrogram at its defaults."""
    padded = np.pad(samples, _MEL.n_fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _MEL.n_fft)[:: _MEL.hop_length]
    window = np.hanning(_MEL.n_fft + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    return np.asarray(np.einsum("tf,mf->tm", power, mel_filter_bank(_MEL)), dtype=np.float32)

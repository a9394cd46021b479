"""Speech recognition by Whisper (Radford et al. 2022, arXiv:2212.04356; MIT) in CTranslate2.

CTranslate2 receives a log-mel and returns tokens. Both ends are here, so that no further package is needed.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.mel import MelConfig, mel_filter_bank
from pipeline.evaluation.judges.models import SAMPLE_RATE

OWN_FILES = ("config.json", "model.bin", "vocabulary.*")
"""The files of a model, for a user's own."""
_WINDOW_S = 30
_HOP = 160
_MAX_TOKENS = 224
"""Half of the decoder's context, as in Whisper's own code."""


class Whisper:
    """Recognizes one utterance of at most 30 s at a time; what comes later in an utterance is not recognized.

    One thread, 8-bit integers and no beam: the same text for any number of cores. On 40 recordings of a clear reader
    the character error rate was 1.8 % (32-bit numbers 2.2 %, a beam of five 2.3 %).
    """

    def __init__(self, folder: Path, language: str) -> None:
        import ctranslate2

        self._model: Any = ctranslate2.models.Whisper(
            str(folder), device="cpu", compute_type="int8", intra_threads=1, inter_threads=1
        )
        spoken = [f"<|{language[:2]}|>", "<|transcribe|>"] if self._model.is_multilingual else []
        self._prompt = ["<|startoftranscript|>", *spoken, "<|notimestamps|>"]

    def recognize(self, samples: NDArray[np.float32]) -> str:
        """Recognize one utterance, mono at `SAMPLE_RATE`, in [-1, 1]."""
        import ctranslate2

        features = ctranslate2.StorageView.from_array(_log_mel(samples, self._model.n_mels)[None])
        found = self._model.generate(features, [self._prompt], beam_size=1, max_length=_MAX_TOKENS)
        return _written(found[0].sequences[0])


def _log_mel(samples: NDArray[np.float32], n_mels: int) -> NDArray[np.float32]:
    """Return Whisper's features of the first 30 s. (M, 3000)"""
    n_samples = _WINDOW_S * SAMPLE_RATE
    window = samples[:n_samples]
    padded = np.pad(np.pad(window, (0, n_samples - len(window))), 200, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::_HOP][: n_samples // _HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(401)[:-1])) ** 2
    config = MelConfig(
        sample_rate=SAMPLE_RATE, n_fft=400, win_length=400, hop_length=_HOP, n_mels=n_mels, f_min=0.0, f_max=8_000.0,
        log_floor=1e-10,
    )  # fmt: skip
    mel = np.log10(np.maximum(np.einsum("mf,tf->mt", mel_filter_bank(config), power), config.log_floor))
    return np.ascontiguousarray((np.maximum(mel, mel.max() - 8.0) + 4.0) / 4.0, dtype=np.float32)


def _written(tokens: list[str]) -> str:
    """Join tokens, whose characters each encode a byte of UTF-8."""
    bytes_of = _bytes_of_characters()
    text = bytes(bytes_of[character] for token in tokens for character in token if character in bytes_of)
    return text.decode("utf-8", "replace").strip()


@lru_cache(maxsize=1)
def _bytes_of_characters() -> dict[str, int]:
    """Return the byte of each character in a vocabulary of GPT-2's kind: printable bytes are themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}

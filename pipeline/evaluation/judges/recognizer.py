"""The speech recogniser that params.yaml asks for."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import resample
from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges import models, moonshine, whisper
from pipeline.evaluation.judges.moonshine import Moonshine
from pipeline.evaluation.judges.pocket_sphinx import PocketSphinx
from pipeline.evaluation.judges.whisper import Whisper

SILENCE = 1e-3
"""Peak of full scale, -60 dB, below which nothing is said; recognisers invent a word for it."""
_OWN_FILES = {"moonshine": moonshine.OWN_FILES, "whisper": whisper.OWN_FILES}


class _Engine(Protocol):
    """Recognizes an utterance."""

    def recognize(self, samples: NDArray[np.float32]) -> str:
        """Recognize one utterance, mono at `models.SAMPLE_RATE`, in [-1, 1]."""
        ...


class Recognizer:
    """Recognizes one utterance at a time; earlier ones change nothing.

    Args:
        config: Which recogniser; not `none`.
        language: Of the speech.

    Raises:
        JudgeError: If it is not installed, or its files are not the expected ones.
    """

    def __init__(self, config: RecognizerConfig, language: str) -> None:
        self._engine = _engine(config, find_recognizer(config), language)

    def recognize(self, samples: NDArray[np.float32], sample_rate: int) -> str:
        """Recognize one utterance, mono; an empty text for silence."""
        if not len(samples) or float(np.abs(samples).max()) < SILENCE:
            return ""
        at_16k = resample(samples, sample_rate, models.SAMPLE_RATE)
        return self._engine.recognize(at_16k / max(1.0, float(np.abs(at_16k).max())))


def find_recognizer(config: RecognizerConfig) -> Path:
    """Return the folder of a recogniser's checked files.

    Raises:
        JudgeError: If it is not installed, or its files are not the expected ones.
    """
    known = models.MODELS[config.name]
    if config.model is None:
        return known.find()
    known.check_installed(known.library)
    return models.find_own(config.model, str(config.sha256), _OWN_FILES[config.name])


def recognizer_sha256(config: RecognizerConfig) -> str:
    """Return the hash of a recogniser's files, as they should be."""
    return config.sha256 or models.MODELS[config.name].sha256


def _engine(config: RecognizerConfig, folder: Path, language: str) -> _Engine:
    if config.name == "moonshine":
        return Moonshine(folder)
    if config.name == "whisper":
        return Whisper(folder, language)
    return PocketSphinx()

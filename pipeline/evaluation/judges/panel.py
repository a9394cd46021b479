"""All models that judge the rows of a sentence, as a worker loads them, and what metrics.json says of them."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.clip import resample
from pipeline.evaluation.config import NaturalnessName, RecognizerConfig, SpeechTestConfig
from pipeline.evaluation.judges import models
from pipeline.evaluation.judges.dnsmos import Dnsmos
from pipeline.evaluation.judges.pitch import PitchTracker
from pipeline.evaluation.judges.recognizer import Recognizer, find_recognizer, recognizer_sha256
from pipeline.evaluation.prosody import prosody
from pipeline.evaluation.recognition import transcription_error_rates


class _Scorer(Protocol):
    def score(self, samples: NDArray[np.float32]) -> float:
        """Return the mean opinion score of an utterance."""
        ...


@dataclass(frozen=True)
class PanelConfig:
    """Which models judge."""

    recognizer: RecognizerConfig
    naturalness: tuple[NaturalnessName, ...]
    pitch: str
    language: str
    """Of the texts."""

    @classmethod
    def of(cls, config: SpeechTestConfig, language: str) -> "PanelConfig":
        """Take them from the parameters."""
        return cls(config.recognizer, config.naturalness, config.pitch, language)


class Panel:
    """Judges one row of a sentence at a time; earlier ones change nothing.

    Raises:
        JudgeError: If a model is not installed, or its files are not the expected ones.
    """

    def __init__(self, config: PanelConfig) -> None:
        self._language = config.language
        self._recognizer = Recognizer(config.recognizer, config.language) if config.recognizer.name != "none" else None
        self._scorers: dict[str, _Scorer] = {}
        if "dnsmos" in config.naturalness:
            self._scorers["dnsmos"] = Dnsmos(models.DNSMOS.find())
        if "distill_mos" in config.naturalness:
            from pipeline.evaluation.judges.distill_mos import DistillMos  # here, so that torch is not imported for it

            self._scorers["distill_mos"] = DistillMos(models.DISTILL_MOS.find())
        self._pitch = None
        if config.pitch != "none":
            models.SWIFT_F0.find()
            self._pitch = PitchTracker()

    def judge(self, text: str, samples: NDArray[np.float32], sample_rate: int) -> dict[str, Any]:
        """Judge one row.

        Args:
            text: What it should say.
            samples: Mono. If they exceed [-1, 1], they are scaled down, as in the files to listen to.
            sample_rate: In Hz.

        Returns:
            Fields of `Measurement`; a text alone for speech without samples.
        """
        found: dict[str, Any] = {}
        if self._recognizer:
            found["recognized"] = self._recognizer.recognize(samples, sample_rate)
            found["cer"], found["wer"] = transcription_error_rates([text], [found["recognized"]], self._language)
        if not len(samples):
            return found
        at_16k = resample(samples, sample_rate, models.SAMPLE_RATE)
        at_16k = at_16k / np.float32(max(1.0, float(np.abs(at_16k).max())))
        found |= {name: scorer.score(at_16k) for name, scorer in self._scorers.items()}
        if self._pitch:
            found |= prosody(text, at_16k, self._pitch.track(at_16k))
        return found


@lru_cache(maxsize=1)
def load_panel(config: PanelConfig) -> Panel:
    """Load the models once a process: that takes seconds, and a worker has many tasks."""
    return Panel(config)


def describe_judges(config: SpeechTestConfig) -> dict[str, Any]:
    """Check the models, and describe them for metrics.json: what they are called, and the hash of their files.

    Raises:
        JudgeError: If a model is not installed, or its files are not the expected ones.
    """
    described: dict[str, Any] = {}
    if config.recognizer.name != "none":
        find_recognizer(config.recognizer)
        known, own = models.MODELS[config.recognizer.name], config.recognizer
        described["recognizer"] = {
            "name": own.name,
            "title": f"{own.name} with the model {own.model.name}" if own.model else known.title,
            "sha256": recognizer_sha256(own),
        }
    for name in (*config.naturalness, *([config.pitch] if config.pitch != "none" else [])):
        model = models.MODELS[name]
        model.find()
        described[name] = {"title": model.title, "sha256": model.sha256}
    return described

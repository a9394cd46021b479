"""Who listens to clips: a recogniser of speech, and the encoder of a release."""

import warnings
from pathlib import Path

from peewee_model import VoiceCloner
from peewee_model.audio.clip import Float32Array, resample
from peewee_model.cloning.reference_checks import ReferenceWarning
from peewee_model.errors import ConfigError, ReleaseError
from pipeline.evaluation.config import RecognizerConfig
from pipeline.evaluation.judges.models import SAMPLE_RATE
from pipeline.evaluation.judges.recognizer import Recognizer
from pipeline.evaluation.judges.whisper import OWN_FILES, Whisper

_MARGIN = 0.1
"""By so much a short clip may be less like its speaker than a whole reference is."""


class Ears:
    """Recognises and tells voices apart.

    Args:
        release: STORE@CHANNEL or STORE@VERSION.
        recognizer: `moonshine` or `whisper`.
        model: A folder with another model of Whisper for CTranslate2; None for the recogniser's own.
        language: Of the speech.

    Raises:
        ReleaseError: If the release can't be used, or did not measure what tells voices apart.
        ConfigError: If there is no such recogniser.
        JudgeError: If it is not installed.
    """

    def __init__(self, release: str, recognizer: str, model: Path | None, language: str) -> None:
        if recognizer not in ("moonshine", "whisper"):
            raise ConfigError(f"--recognizer {recognizer!r:.40}: name moonshine or whisper")
        self._recognizer: Recognizer | _OwnWhisper
        if model is None:
            self._recognizer = Recognizer(RecognizerConfig.model_validate(recognizer), language)
        else:
            self._recognizer = _OwnWhisper(model, language)
        self._cloner = VoiceCloner.load(release)
        if self._cloner.one_voice is None:
            raise ReleaseError(
                f"{release} did not measure from which cosine on two voices are one; name another release"
            )
        self.one_voice = self._cloner.one_voice - _MARGIN

    def recognize(self, samples: Float32Array, sample_rate: int) -> str:
        """Return the text of an utterance. (S,)."""
        return self._recognizer.recognize(samples, sample_rate)

    def embed(self, samples: Float32Array, sample_rate: int) -> Float32Array:
        """Return the voice. (S,) -> (E,).

        Raises:
            AudioError: If there is no speech.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReferenceWarning)
            voice: Float32Array = self._cloner.embed_voice([(samples, sample_rate)]).numpy()
        return voice


class _OwnWhisper:
    """A user's own Whisper for CTranslate2."""

    def __init__(self, folder: Path, language: str) -> None:
        for name in OWN_FILES:
            if not any(folder.glob(name)):
                raise ConfigError(f"--model {folder} has no {name}; name a folder that ct2-transformers-converter made")
        self._engine = Whisper(folder, language)

    def recognize(self, samples: Float32Array, sample_rate: int) -> str:
        return self._engine.recognize(resample(samples, sample_rate, SAMPLE_RATE))

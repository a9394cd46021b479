"""A release as MLflow's pyfunc, from code: `mlflow models serve -m models:/peewee@stable` speaks.

MLflow stores this file beside a copy of the release, and runs it to load the model. Nothing is pickled. The release is
verified against its version before any tensor is read.
"""

import base64
import binascii
import io
from pathlib import Path
from typing import Any, Optional

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.pyfunc.model import PythonModel, PythonModelContext
from pydantic import BaseModel


class SpeechRequest(BaseModel):
    """What to say, and in whose voice."""

    text: str
    reference: str
    """A recording of the voice in base64: wav, flac, mp3, ogg, opus, m4a or webm."""
    format: Optional[str] = "wav"  # noqa: UP045 - MLflow reads no `str | None`
    """wav, flac, mp3, ogg or opus."""
    seed: Optional[int] = 0  # noqa: UP045
    speed: Optional[float] = 1.0  # noqa: UP045
    """By the durations; 0.25 to 4."""


class SpokenAudio(BaseModel):
    """What was said."""

    audio: str
    """A file in base64."""
    format: str
    sample_rate: int
    """Hz."""
    duration_s: float
    truncated: bool
    """Whether a sentence did not end by itself and was cut off."""
    release: str
    """The version of the release that spoke."""


class Voice(PythonModel):
    """Speaks requests with a release."""

    def load_context(self, context: PythonModelContext) -> None:
        """Verify the release, and load it."""
        from peewee_model.errors import TamperedReleaseError
        from peewee_model.release.manifest import read_manifest
        from peewee_model.service.engine import Engine

        folder = context.artifacts["release"]
        self._release: str = context.model_config["release"]
        found = read_manifest(Path(folder))[1]
        if found != self._release:
            raise TamperedReleaseError(f"{folder} is release {found}, registered as {self._release}; sync again")
        engine: Any = Engine.load_folder(folder)
        engine.version = found
        self._engine = engine

    def predict(self, model_input: list[SpeechRequest]) -> list[SpokenAudio]:  # type: ignore[override]
        """Say each text in the voice of its reference."""
        return [self._speak(request) for request in model_input]

    def _speak(self, request: SpeechRequest) -> SpokenAudio:
        from peewee_model.errors import PeeweeError

        ending = f".{request.format or 'wav'}"
        try:
            recording = io.BytesIO(base64.b64decode(request.reference, validate=True))
            speech = self._engine.say(request.text, recording, request.seed or 0, request.speed or 1.0)
            audio = speech.encode(ending)
        except (PeeweeError, binascii.Error) as error:  # what the client can put right; MLflow answers 400
            raise MlflowException.invalid_parameter_value(str(error)) from None
        return SpokenAudio(
            audio=base64.b64encode(audio).decode(),
            format=ending[1:],
            sample_rate=speech.sample_rate,
            duration_s=speech.duration_s,
            truncated=speech.truncated,
            release=self._release,
        )


mlflow.models.set_model(Voice())

"""Speech recognition by Moonshine (Jeffries et al. 2024, arXiv:2410.15608; MIT)."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.judges.models import SAMPLE_RATE

OWN_FILES = ("decoder_model_merged.ort", "encoder_model.ort", "tokenizer.bin")
"""The files of a model, for a user's own."""
_BASE_DIM = 416  # width of the base model; tiny has 288


class Moonshine:
    """Recognizes one utterance at a time.

    The library's detection of speech is switched off, because it cuts words at the edges of short utterances and takes
    as long as the recognition.
    """

    def __init__(self, folder: Path) -> None:
        from moonshine_voice.moonshine_api import ModelArch
        from moonshine_voice.transcriber import Transcriber

        arch = ModelArch.BASE if _width(folder) == _BASE_DIM else ModelArch.TINY
        options = {"vad_threshold": "0.0", "return_audio_data": "false"}
        self._transcriber: Any = Transcriber(str(folder), arch, options=options)

    def recognize(self, samples: NDArray[np.float32]) -> str:
        """Recognize one utterance, mono at `SAMPLE_RATE`, in [-1, 1]."""
        found = self._transcriber.transcribe_without_streaming(samples.tolist(), SAMPLE_RATE)
        return " ".join(line.text.strip() for line in found.lines)


def _width(folder: Path) -> int:
    """Return the size of the encoder's vectors, which tells one architecture from another."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(folder / "encoder_model.ort"), providers=["CPUExecutionProvider"])
    return int(session.get_outputs()[0].shape[-1])

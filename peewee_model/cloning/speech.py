"""What a voice said, and what was measured of the reference that gave the voice."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from peewee_model.cloning.arguments import path_of
from peewee_model.cloning.reference_checks import ReferenceFigures
from peewee_model.cloning.sound_file import FORMATS, encode, encode_marked, format_of, known
from peewee_model.errors import ConfigError, PeeweeError

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Speech:
    """What was said."""

    samples: Float32Array
    """Full scale is 1. (S,)"""
    sample_rate: int
    """Hz."""
    text: str
    """As it was spoken: numbers and abbreviations written out, letters as capitals, taught phonemes in braces."""
    alignment: tuple[Float32Array, ...]
    """For each sentence, the share of each token in each decoder step. (T', L)"""
    truncated: bool
    """Whether a sentence did not end by itself and was cut off: listen before use."""
    unspoken: tuple[str, ...] = ()
    """Characters of the text that no reader says, and that were left out: emoji, marks of direction."""
    reference: ReferenceFigures | None = None
    """What was measured of the reference, and doubts about it. `VoiceCloner` always gives it."""

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate

    def save(self, path: Path | str, *, mark: bool = True) -> None:
        """Write a file in the format of its ending: wav, flac, mp3, ogg or opus.

        Args:
            path: Of the file.
            mark: Whether the file says that its speech is synthetic; see `encode`.

        Raises:
            ConfigError: If no such format is written, or this is no path.
            PeeweeError: If the file can't be written.
        """
        content = self.encode(format_of(path_of(path, "the file to write")), mark=mark)
        try:
            Path(path).write_bytes(content)
        except OSError as error:
            raise PeeweeError(f"{path} can't be written: {error.strerror}; choose another path") from None

    def encode(self, ending: str = ".wav", *, mark: bool = True) -> bytes:
        """Return the content of a file of a format.

        Args:
            ending: A key of `cloning.sound_file.FORMATS`.
            mark: Whether the file says that its speech is synthetic: by an inaudible mark in the samples, which
                `peewee-tts detect` finds, and by signed Content Credentials in wav, flac and mp3.

        Raises:
            ConfigError: If no such format is written, or the certificates of PEEWEE_CREDENTIALS can't be used.
        """
        if ending not in FORMATS:
            raise ConfigError(f"{ending!r:.50} is no format that is written; use one of {known()}")
        return (encode_marked if mark else encode)(self.samples, self.sample_rate, ending)

"""What a recording says of its own origin: the mark in its samples, and its Content Credentials."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from peewee_model.cloning.sources import read_source
from peewee_model.errors import AudioError
from peewee_model.marking import credentials, detection

LONGEST_S = 3600.0
"""Of a recording."""


@dataclass(frozen=True)
class Marks:
    """What was found in a recording."""

    mark: detection.Detection
    credentials: credentials.Credentials | None

    @property
    def synthetic(self) -> bool:
        """Whether the recording says that its speech is synthetic."""
        return self.mark.marked or (self.credentials is not None and self.credentials.synthetic)

    def record(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "synthetic": self.synthetic,
            "mark": {"marked": self.mark.marked, **{key: round(value, 3) for key, value in asdict(self.mark).items()}},
            "credentials": asdict(self.credentials) if self.credentials else None,
        }

    def sentence(self) -> str:
        """Return it for people."""
        score = f"score {self.mark.score:.1f}, a mark has more than {self.mark.threshold:.1f}"
        where = f"marked from {self.mark.start_s:g} to {self.mark.end_s:g} s"
        mark = f"{where if self.mark.marked else 'no mark'} ({score})"
        if self.credentials is None:
            return f"{mark}; no Content Credentials"
        says = "say that it is synthetic" if self.credentials.synthetic else "do not say that it is synthetic"
        changed = "" if self.credentials.intact else ", and the file was changed since"
        return f"{mark}; Content Credentials of {self.credentials.generator} {says}{changed}"


def find_marks(source: Path | bytes, name: str, key: str, longest_s: float = LONGEST_S) -> Marks:
    """Look into a recording.

    Args:
        source: A file, or its content, of every kind that a reference may be.
        name: Its name in an error.
        key: Of the mark.
        longest_s: Longer recordings are refused.

    Raises:
        AudioError: If it can't be read, or is shorter than a second.
    """
    clip = read_source(source, name, max_duration_s=longest_s)
    try:
        mark = detection.detect(clip.samples, clip.sample_rate, key)
    except AudioError as error:
        raise AudioError(error.reason, f"{name}: {error}") from None
    return Marks(mark, credentials.read(source if isinstance(source, bytes) else source.read_bytes()))

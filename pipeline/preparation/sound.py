"""Long recordings: finds them, and decodes each once into a plain file on disk, whatever its kind and length."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array
from peewee_model.errors import AudioError, ConfigError
from peewee_model.files import written_whole

ENDS = (
    ".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".aac", ".aiff", ".aif", ".wma", ".webm", ".mp4", ".mov", ".mkv",
    ".avi",
)  # fmt: skip
"""Of files that are recordings; of a video the first sound track is taken."""
TEXT_ENDS = (".txt", ".lab")
MOST_RATE = 48_000


@dataclass(frozen=True)
class Sound:
    """A decoded recording."""

    name: str
    """As the user named the file."""
    key: str
    """A hash of the file."""
    samples: npt.NDArray[np.int16]
    """Mapped from disk. (S,)"""
    rate: int
    """Hz."""
    text: str | None
    """What is said in it, where a text lies beside it."""

    def part(self, start_s: float, end_s: float) -> Float32Array:
        """Return a part as numbers of full scale 1. (S,)."""
        piece = self.samples[round(start_s * self.rate) : round(end_s * self.rate)]
        return piece.astype(np.float32) / np.float32(32768)


def find(given: Sequence[Path]) -> list[Path]:
    """List the recordings that are named, or that are in the folders that are named, by name.

    Raises:
        ConfigError: If there is none, or a name does not exist.
    """
    found: list[Path] = []
    for path in given:
        if not path.exists():
            raise ConfigError(f"{path} does not exist; give recordings, or a folder of them")
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        found += [one for one in inside if one.is_file() and (one is path or one.suffix.lower() in ENDS)]
    if not found:
        raise ConfigError(f"{', '.join(map(str, given))}: no recording; they end with {', '.join(ENDS)}")
    return found


def decode(path: Path, folder: Path) -> Sound:
    """Decode a recording into `folder`, unless that was done before: one channel, 16 bits, `MOST_RATE` at most.

    Raises:
        AudioError: If it can't be decoded.
    """
    with path.open("rb") as file:
        key = hashlib.file_digest(file, "sha256").hexdigest()[:16]
    done = next(folder.glob(f"{key}.*.s16"), None)
    if done is None:
        folder.mkdir(parents=True, exist_ok=True)
        rate = _rate_of(path)
        done = folder / f"{key}.{rate}.s16"
        with written_whole(done) as part, part.open("wb") as written:
            _write(path, rate, written)
    if not done.stat().st_size:
        raise AudioError("empty", f"{path} has no samples; record it again")
    samples = np.memmap(done, dtype="<i2", mode="r")
    return Sound(str(path), key, samples, int(done.name.split(".")[1]), _text_beside(path))


def _text_beside(path: Path) -> str | None:
    for end in TEXT_ENDS:
        beside = path.with_suffix(end)
        if beside.is_file():
            try:
                return beside.read_text(encoding="utf-8-sig").strip() or None
            except UnicodeDecodeError:
                raise ConfigError(f"{beside} is not UTF-8 text; save it as UTF-8") from None
    return None


def _rate_of(path: Path) -> int:
    with _opened(path) as container:
        return min(MOST_RATE, int(container.streams.audio[0].rate))


def _write(path: Path, rate: int, written: Any) -> None:
    """Decode frame by frame, so that hours fill no memory."""
    import av

    try:
        with _opened(path) as container:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=rate)
            for frame in container.decode(audio=0):
                for piece in resampler.resample(frame):
                    written.write(piece.to_ndarray().astype("<i2").tobytes())
            for piece in resampler.resample(None):
                written.write(piece.to_ndarray().astype("<i2").tobytes())
    except av.error.FFmpegError as error:
        raise AudioError("unreadable", f"{path} can't be decoded: {error.strerror}; convert it to WAV") from None


def _opened(path: Path) -> Any:
    import av

    try:
        container = av.open(str(path), metadata_errors="ignore")
    except (av.error.FFmpegError, OSError) as error:
        raise AudioError("unreadable", f"{path} is no recording that can be read: {error.strerror}") from None
    if not container.streams.audio:
        container.close()
        raise AudioError("unreadable", f"{path} has no sound track")
    return container

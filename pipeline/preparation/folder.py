"""The folder that `prepare` writes: clips, their texts, and what was dropped; corrections by hand outlive every run.

metadata.csv  `name|text`, a line a clip, as `peewee-tts adapt` and the reader `folder` take it
wavs/         the clips that are kept, as FLAC
dropped/      the others, and dropped.csv says why
index.html    to listen, to correct and to drop
.prepare/     what a later run needs: decoded recordings, measurements, corrections
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from peewee_model.audio.clip import encode_flac
from peewee_model.errors import ConfigError
from peewee_model.files import write_whole
from pipeline.preparation.clips import REASONS
from pipeline.preparation.cutting import Span
from pipeline.preparation.sound import Sound

METADATA, DROPPED, PAGE = "metadata.csv", "dropped.csv", "index.html"
STATE = ".prepare"


@dataclass(frozen=True)
class Prepared:
    """A clip, as it is written."""

    name: str
    sound: Sound
    span: Span
    text: str
    cer: float | None
    like: float
    reason: str | None
    """Why it is dropped; None if it is kept."""


class Folder:
    """The folder of one voice.

    Args:
        path: Of the folder.

    Raises:
        ConfigError: If metadata.csv can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.state = path, path / STATE
        if path.exists() and any(path.iterdir()) and not self.state.is_dir():
            raise ConfigError(f"{path} holds other things; name an empty folder, or one that `prepare` made")
        self.state.mkdir(parents=True, exist_ok=True)
        self.corrections = self._corrections()

    def _corrections(self) -> dict[str, str | None]:
        """What was changed in metadata.csv since it was written: a text by name; None for a clip that was taken out."""
        kept, written = self._read("corrections.json"), self._read("written.json")
        if not written:
            return kept
        if not (self.path / METADATA).is_file():
            raise ConfigError(f"{self.path / METADATA} is gone; put it back, or remove {self.state}/written.json")
        found = read_metadata(self.path / METADATA)
        kept |= dict.fromkeys(written.keys() - found.keys())
        kept |= {name: text for name, text in found.items() if written.get(name) != text}
        write_whole(self.state / "corrections.json", json.dumps(kept, ensure_ascii=False, indent=1))
        return kept

    def corrected(self, clip: Prepared) -> Prepared:
        """Return a clip as it was corrected by hand."""
        if clip.name not in self.corrections:
            return clip
        text = self.corrections[clip.name]
        reason, text = ("by_hand", clip.text) if text is None else (None, text)
        return Prepared(clip.name, clip.sound, clip.span, text, clip.cer, clip.like, reason)

    def write(self, clips: Sequence[Prepared]) -> None:
        """Write all clips; what an earlier run wrote and this one does not goes."""
        files = {f"{'dropped' if clip.reason else 'wavs'}/{clip.name}.flac": clip for clip in clips}
        for place in ("wavs", "dropped"):
            (self.path / place).mkdir(exist_ok=True)
            for old in (self.path / place).glob("*.flac"):
                if f"{place}/{old.name}" not in files:
                    old.unlink()
        for name, clip in files.items():
            samples = clip.sound.part(clip.span.start_s, clip.span.end_s)
            write_whole(self.path / name, encode_flac(samples, clip.sound.rate))
        kept = {clip.name: clip.text for clip in clips if not clip.reason}
        write_whole(self.path / DROPPED, _dropped([clip for clip in clips if clip.reason]))
        write_whole(self.path / PAGE, _page(clips))
        write_whole(self.path / METADATA, "".join(f"{name}|{text}\n" for name, text in kept.items()))
        write_whole(self.state / "written.json", json.dumps(kept, ensure_ascii=False, indent=1))

    def _read(self, name: str) -> dict[str, str | None]:
        path = self.state / name
        found: dict[str, str | None] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        return found


def read_metadata(path: Path) -> dict[str, str]:
    """Read `name|text` lines.

    Raises:
        ConfigError: If a line has another form; it is named.
    """
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        name, bar, text = line.partition("|")
        if line.strip() and not (bar and name.strip() and text.strip()):
            raise ConfigError(f"{path}, line {number}: {line[:60]!r} is not of the form name|text; write it so")
        if line.strip():
            found[name.strip()] = text.strip()
    return found


def _dropped(clips: Sequence[Prepared]) -> str:
    written = io.StringIO()
    table = csv.writer(written, lineterminator="\n")
    table.writerow(["name", "recording", "start_s", "end_s", "reason", "text"])
    for clip in clips:
        table.writerow([clip.name, clip.sound.name, clip.span.start_s, clip.span.end_s, clip.reason, clip.text])
    return written.getvalue()


def _page(clips: Sequence[Prepared]) -> str:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html.j2").render(clips=clips, reasons=REASONS, counts=counts(clips))


def counts(clips: Sequence[Prepared]) -> Mapping[str, tuple[int, float]]:
    """Clips and minutes by reason; `kept` for those without one."""
    found: dict[str, tuple[int, float]] = {}
    for clip in clips:
        n_clips, minutes = found.get(clip.reason or "kept", (0, 0.0))
        found[clip.reason or "kept"] = n_clips + 1, minutes + clip.span.duration_s / 60
    return found

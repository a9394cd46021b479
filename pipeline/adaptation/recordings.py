"""Reads a folder of one person's recordings: finds the text of each one, and what is missing.

name.wav or name.flac   with   name.txt, name.lab or name.normalized.txt
metadata.csv            with lines `name|text` or `name|text|normalised text`, and recordings in it or in `wavs/`
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from peewee_model.errors import PeeweeError

METADATA = "metadata.csv"
"""The file name that LJSpeech uses."""
AUDIO = (".wav", ".flac")
TEXTS = (".normalized.txt", ".txt", ".lab")
"""Endings of text files; the first file that exists is used."""
_SHOWN = 5


class SpeechError(PeeweeError):
    """A release can't be adapted to these recordings."""


@dataclass(frozen=True)
class Recording:
    """A recording and its text."""

    name: str
    audio: Path
    text: str
    normalized: bool
    """Whether the text is written as it is spoken, without numbers and abbreviations."""


def find_recordings(folder: Path) -> list[Recording]:
    """Read a folder.

    Returns:
        Sorted by name.

    Raises:
        SpeechError: Names recordings without a text, texts without a recording, and files that can't be read.
    """
    audio = {path.stem: path for path in _audio_files(folder)}
    metadata = folder / METADATA
    texts = dict(_of_metadata(metadata)) if metadata.is_file() else dict(_of_files(folder))
    if not audio:
        raise SpeechError(f"{folder} holds no recording: no file ends with {' or '.join(AUDIO)}")
    silent, mute = sorted(texts.keys() - audio.keys()), sorted(audio.keys() - texts.keys())
    empty = sorted(name for name in texts.keys() & audio.keys() if not texts[name][0].strip())
    said = METADATA if metadata.is_file() else " or ".join(f"NAME{ending}" for ending in TEXTS)
    problems = [
        *([f"{_names(silent)} ha{_s(silent)} a text, but no recording"] if silent else []),
        *([f"{_names(mute)} ha{_s(mute)} a recording, but no text in {said}"] if mute else []),
        *([f"the text of {_names(empty)} is empty"] if empty else []),
    ]
    if problems:
        raise SpeechError(f"{folder}: {'; '.join(problems)}; add what is missing, or move the rest elsewhere")
    return [Recording(name, audio[name], *texts[name]) for name in sorted(audio)]


def _audio_files(folder: Path) -> Iterator[Path]:
    seen: dict[str, Path] = {}
    for place in (folder, folder / "wavs") if (folder / METADATA).is_file() else (folder,):
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            if path.suffix.lower() in AUDIO and not path.name.startswith("."):
                if path.stem in seen:
                    raise SpeechError(f"{seen[path.stem]} and {path} are both recordings of {path.stem}; keep one")
                seen[path.stem] = path
                yield path


def _of_files(folder: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    found: dict[str, tuple[str, bool]] = {}
    for path in sorted(folder.iterdir()):
        ending = next((ending for ending in TEXTS if path.name.lower().endswith(ending)), None)
        # `name.original.txt` is beside `name.normalized.txt` in LibriTTS; no other corpus uses this name.
        if ending is None or path.name.startswith("."):
            continue
        name = path.name[: -len(ending)].removesuffix(".original")
        if name not in found or ending == TEXTS[0]:
            found[name] = (_read(path), ending == TEXTS[0])
    yield from found.items()


def _of_metadata(path: Path) -> Iterator[tuple[str, tuple[str, bool]]]:
    seen: set[str] = set()
    for number, line in enumerate(_read(path).splitlines(), 1):
        if not line.strip():
            continue
        name, *texts = line.split("|")
        name = name.strip().removesuffix(".wav").removesuffix(".flac")
        if not name or not 1 <= len(texts) <= 2:
            raise SpeechError(f"{path}, line {number}: {line[:60]!r} is not of the form name|text or name|text|text")
        if name in seen:
            raise SpeechError(f"{path}, line {number}: {name} is there twice; keep one")
        seen.add(name)
        normalized = len(texts) == 2 and bool(texts[1].strip())
        yield name, (texts[1] if normalized else texts[0], normalized)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise SpeechError(f"{path} is not UTF-8 text; save it as UTF-8") from None


def _names(names: Iterable[str]) -> str:
    every = list(names)
    rest = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + rest


def _s(names: list[str]) -> str:
    return "s" if len(names) == 1 else "ve"

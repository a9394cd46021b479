"""`folder`: any folder or archive of recordings, with texts beside them, in a table, or without texts.

- Recordings are WAV, FLAC, MP3, Ogg, Opus or M4A, in any folders. The speaker is the folder over the recording, past
  folders such as `wavs`.
- Texts are in `<recording>.txt` or `<recording>.lab`; or in a `.csv` or `.tsv` whose paths start at the table's folder:
  `path|text`, `path|speaker|text`, or columns that its first line names, separated by `|`, a tab or a comma. A path may
  lack its end, such as `.wav`, and folders such as `wavs`.
- If there is no text at all, only the encoder learns from it.
"""

import csv
import re
from collections.abc import Iterator
from typing import Literal

from pipeline.ingest.readers.reader import Layout, Member, Part, Refused, left_by_system, skipped, too_large, unknown

AUDIO_ENDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a")
TEXT_ENDS = (".txt", ".lab")
TABLE_ENDS = (".csv", ".tsv")
SOUND_FOLDERS = frozenset({"wav", "wavs", "flac", "mp3", "audio", "clips", "txt", "lab"})
"""Folders that hold files of one kind, and are no speakers."""
SOLE_SPEAKER = "speaker"
"""Id of the speaker where no folder names one."""

_DOCUMENTATION = re.compile(r"(?:.+/)?(?:README|LICEN[CS]E|COPYING|CHANGELOG)[^/]*|.*\.(?:md|html|pdf|json)", re.I)
_NAMES = {
    "path": {"path", "file", "filename", "file_name", "audio", "audio_file", "wav", "id"},
    "speaker": {"speaker", "speaker_id", "speaker_name", "client_id"},
    "text": {"text", "sentence", "transcript", "transcription"},
}
_BY_NUMBER = {2: {"path": 0, "text": 1}, 3: {"path": 0, "speaker": 1, "text": 2}}


def read_folder(member: Member) -> Iterator[Part | Refused]:
    """Classify a file by the end of its name."""
    stem, dot, end = member.name.rpartition(".")
    end = f".{end.lower()}" if dot else ""
    if left_by_system(member.name):
        yield skipped(member)
    elif _DOCUMENTATION.fullmatch(member.name):
        return
    elif end in TABLE_ENDS:
        yield from _table(member)
    elif end not in (*AUDIO_ENDS, *TEXT_ENDS):
        yield unknown(member)
    elif member.data is None or member.head is not None:
        yield too_large(member, _id(stem), "")
    else:
        kind = "audio" if end in AUDIO_ENDS else "original"
        yield Part(member.name, _id(stem), "", _speaker(stem), "", kind, member.data)  # type: ignore[arg-type]


def _table(member: Member) -> Iterator[Part | Refused]:
    text = (member.data or b"").decode("utf-8-sig", "replace")
    first = member.head.decode("utf-8-sig", "replace") if member.head is not None else text.partition("\n")[0]
    separator = "\t" if "\t" in first else "|" if "|" in first else ","
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if separator == "," else csv.QUOTE_NONE
    lines = csv.reader(text.splitlines(keepends=True), delimiter=separator, quoting=quoting)
    heads = _numbered(csv.reader([first], delimiter=separator, quoting=quoting))
    named = _columns(next((row for _, row in heads), []))
    folder = member.name.rpartition("/")[0]
    for number, row in _numbered(lines):
        if not row or (named and number == 1 and member.head is None):
            continue
        columns = named or _BY_NUMBER.get(len(row))
        if columns is None or max(columns.values()) >= len(row) or not _is_inside(row[columns["path"]]):
            yield Refused(member.name, "", "", "bad_line", f"line {number} is no path|text or path|speaker|text")
            continue
        path = row[columns["path"]].strip()
        stem = path[: path.rindex(".")] if path.lower().endswith(AUDIO_ENDS) else path
        speaker = _plain(row[columns["speaker"]].strip()) if "speaker" in columns else ""
        name = _id(f"{folder}/{stem}" if folder else stem)
        yield Part(member.name, name, "", speaker, "", "original", row[columns["text"]].encode())


def _numbered(lines: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    number = 0
    try:
        for number, row in enumerate(lines, 1):
            yield number, row
    except csv.Error:  # a field of 128 kB, such as after a quote that is never closed: the rest can't be divided
        yield number + 1, [""]


def _columns(first: list[str]) -> dict[str, int] | None:
    """Find the columns that a table's first line names; None if it names none."""
    cells = [cell.strip().lower() for cell in first]
    found = {
        column: next(place for place, cell in enumerate(cells) if cell in names)
        for column, names in _NAMES.items()
        if names & set(cells)
    }
    return found if {"path", "text"} <= found.keys() else None


def _is_inside(path: str) -> bool:
    return bool(path.strip()) and not path.startswith("/") and ".." not in path.split("/")


def _parts(stem: str) -> list[str]:
    *folders, name = stem.split("/")
    return [*(folder for folder in folders if folder.lower() not in SOUND_FOLDERS | {"", "."}), name]


def _id(stem: str) -> str:
    return _plain("-".join(_parts(stem)))


def _speaker(stem: str) -> str:
    folders = _parts(stem)[:-1]
    return _plain(folders[-1]) if folders else SOLE_SPEAKER


def _plain(name: str) -> str:
    return re.sub(r"[^\w.-]+", "_", name)


FOLDER = Layout("<any folders>/<recording>.wav, with <recording>.txt or a metadata.csv", read_folder, texts="perhaps")

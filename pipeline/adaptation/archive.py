"""Speech of one person as an archive in LibriTTS's layout: packs recordings, and checks an archive before use."""

import hashlib
import io
import re
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from peewee_model.errors import AudioError
from peewee_model.files import write_whole
from peewee_model.recordings.reading import read_clip
from pipeline.adaptation.recordings import Recording, SpeechError
from pipeline.ingest.archive import read_members
from pipeline.ingest.readers.libritts import read_libritts
from pipeline.ingest.readers.reader import Part
from pipeline.mini.corpus import StoredGzip

PACKED = Path("data/adapt")
"""Where packed archives are kept."""
SUBSET = "speech"
MIN_S, MAX_S = 60.0, 1200.0
MIN_UTTERANCES = 10
"""Fewer can't be divided into utterances for training, for validation and for tests."""

_SPEAKER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,39}")


@dataclass(frozen=True)
class Speech:
    """The contents of an archive."""

    speaker: str
    """The archive's name of the person."""
    n_utterances: int
    duration_s: float


def pack(recordings: Sequence[Recording], speaker: str | None, max_duration_s: float) -> Path:
    """Pack recordings into `data/adapt/<sha256>.tar.gz`: the same bytes for the same recordings, on every machine.

    Args:
        recordings: Of one person.
        speaker: Name of the person; None to make one from the recordings' hash.
        max_duration_s: Longest recording that ingest takes.

    Raises:
        SpeechError: If the name can't be one, or a recording can't be used.
    """
    for recording in recordings:
        _duration_s(recording.audio, str(recording.audio), max_duration_s)
    data = {recording.name: recording.audio.read_bytes() for recording in recordings}
    name = speaker or _hash_of(recordings, data)[:12]
    if not _SPEAKER.fullmatch(name):
        raise SpeechError(f"--speaker {name[:100]!r}: write it of letters, digits and `-`, 40 at most")
    packed = io.BytesIO()
    compressed = StoredGzip(packed)
    with tarfile.open(fileobj=cast(BinaryIO, compressed), mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        names = []
        for number, recording in enumerate(recordings, 1):
            utterance = f"{name}_1_{number:06d}_000000"
            names.append(f"{utterance}\t{recording.name}\n")
            path = f"LibriTTS/{SUBSET}/{name}/1/{utterance}"
            kind = "normalized" if recording.normalized else "original"
            _add(archive, f"{path}.{kind}.txt", f"{recording.text.strip()}\n".encode())
            _add(archive, f"{path}{recording.audio.suffix.lower()}", data[recording.name])
        _add(archive, "LibriTTS/recordings.tsv", "".join(names).encode())
    compressed.close()
    content = packed.getvalue()
    target = PACKED / f"{hashlib.sha256(content).hexdigest()}.tar.gz"
    write_whole(target, content)
    return target


def look_over(archive: Path, max_duration_s: float, given: Path | None = None) -> Speech:
    """Count the contents of an archive, and refuse it unless a release can be adapted to it.

    Args:
        archive: A .tar.gz in LibriTTS's layout.
        max_duration_s: Longest recording that ingest takes.
        given: The name by which the user knows it, for messages; None for the archive's path.

    Raises:
        SpeechError: If it is not of one person, is too short or too long, or lacks texts or recordings; they are named.
        ArchiveError: If it is damaged.
    """
    name = given or archive
    durations: dict[str, float] = {}
    speakers: dict[str, str] = {}
    texts: set[str] = set()
    for member in read_members(archive):
        for part in read_libritts(member):
            if not isinstance(part, Part):
                continue
            speakers[part.utterance_id] = part.speaker_id
            if part.kind != "audio":
                texts.add(part.utterance_id)
            elif part.utterance_id in durations:
                raise SpeechError(f"{name}: {part.utterance_id} has two recordings; keep one")
            else:
                durations[part.utterance_id] = _duration_s(part.data, f"{name}: {part.member}", max_duration_s)
    for missing, what in ((durations.keys() - texts, "text"), (texts - durations.keys(), "recording")):
        if missing:
            raise SpeechError(f"{name}: {min(missing)} and {len(missing) - 1} others have no {what}; add them")
    people = sorted(set(speakers.values()))
    if len(people) != 1:
        found = f"{len(people)} speakers ({', '.join(people[:5])})" if people else "no speech"
        raise SpeechError(f"{name} holds {found}; a release is adapted to one person, so pack one alone")
    total_s = sum(durations.values())
    if not MIN_S <= total_s <= MAX_S:
        remedy = "record more" if total_s < MIN_S else "leave some out, or train with the profile single-voice"
        raise SpeechError(
            f"{name} holds {total_s / 60:.1f} minutes; adaptation takes {MIN_S / 60:g} to {MAX_S / 60:g}; {remedy}"
        )
    if len(durations) < MIN_UTTERANCES:
        raise SpeechError(
            f"{name} holds {len(durations)} recordings; at least {MIN_UTTERANCES} are needed; cut them up"
        )
    return Speech(people[0], len(durations), total_s)


def _duration_s(audio: Path | bytes, name: str, max_duration_s: float) -> float:
    try:
        return read_clip(audio, max_duration_s=max_duration_s).duration_s
    except AudioError as error:
        remedy = f"cut it into sentences of at most {max_duration_s:g} s" if error.reason == "too_long" else "mend it"
        raise SpeechError(f"{name} can't be used ({error.reason}): {error}; {remedy}, or leave it out") from None


def _hash_of(recordings: Sequence[Recording], data: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for recording in recordings:
        for piece in (recording.name.encode(), recording.text.encode(), data[recording.name]):
            digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # owner 0, no clock
    member.size = len(data)
    member.mode = 0o644
    archive.addfile(member, io.BytesIO(data))

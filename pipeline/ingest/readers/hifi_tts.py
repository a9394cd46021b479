"""Hi-Fi TTS: `audio/<speaker>_<quality>/<book>/<name>.flac`, and manifests with a line of JSON an utterance.

Source: Bakhturina et al. 2021, arXiv:2104.01497, and the archive of https://www.openslr.org/109/.
"""

import json
import re
from collections.abc import Iterator

from pipeline.ingest.readers.reader import (
    Archive,
    Corpus,
    Kind,
    Layout,
    Member,
    Part,
    Refused,
    left_by_system,
    skipped,
    too_large,
    unknown,
)

_AUDIO = re.compile(
    r"(?:.+/)?audio/(?P<speaker>\d+)_(?P<quality>clean|other)/(?P<book>[^/]+)/(?P<name>[^/]+)\.flac", re.IGNORECASE
)
_MANIFEST = re.compile(r"(?:.+/)?\d+_manifest_(?:clean|other)_(?:train|dev|test)\.json")
_DOCUMENTATION = re.compile(r"(?:.+/)?(?:LICENSE|README|books|readers_books)[^/]*", re.IGNORECASE)
_TEXTS: tuple[tuple[str, Kind], ...] = (("text_no_preprocessing", "original"), ("text_normalized", "normalized"))


def read_hifi_tts(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of Hi-Fi TTS; the manifests of train, dev and test are read alike."""
    audio = _AUDIO.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif audio and member.data is None:
        yield too_large(member, _id(audio), "")
    elif audio and member.data is not None:
        yield Part(member.name, _id(audio), "", audio["speaker"], audio["book"], "audio", member.data)
    elif _MANIFEST.fullmatch(member.name):
        for number, line in enumerate((member.data or b"").splitlines(), 1):
            if line.strip():
                yield from _texts(member.name, number, line)
    elif not _DOCUMENTATION.fullmatch(member.name):
        yield unknown(member)


def _texts(name: str, number: int, line: bytes) -> Iterator[Part | Refused]:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    audio = _AUDIO.fullmatch(str(row.get("audio_filepath"))) if isinstance(row, dict) else None
    texts = [(row[key], kind) for key, kind in _TEXTS if isinstance(row.get(key), str)] if audio else []
    if audio is None or not texts:
        yield Refused(name, "", "", "bad_line", f"line {number} is no JSON with a path and a text")
        return
    for text, kind in texts:
        yield Part(name, _id(audio), "", audio["speaker"], audio["book"], kind, text.encode("utf-8", "replace"))


def _id(audio: re.Match[str]) -> str:
    return "_".join(audio.group("speaker", "quality", "book", "name"))


HIFI_TTS = Corpus(
    name="hifi-tts",
    page="https://www.openslr.org/109/",
    licence="CC BY 4.0",
    citation="@inproceedings{bakhturina2021hifi, title={Hi-Fi Multi-Speaker English TTS Dataset}, author={Evelina "
    "Bakhturina and Vitaly Lavrukhin and Boris Ginsburg and Yang Zhang}, booktitle={Interspeech}, year={2021}}",
    contents="291.6 h, 10 speakers, 44.1 kHz FLAC",
    layout=Layout("audio/<speaker>_<clean or other>/<book>/<name>.flac", read_hifi_tts),
    archives=(Archive("all", "https://www.openslr.org/resources/109/hi_fi_tts_v0.tar.gz"),),
    people="libritts",
    quirks=(
        "41 GB. No hash is published: state the SHA-256 of your download.",
        "All ten speakers are in each of its own splits, so the splits are made here.",
    ),
)

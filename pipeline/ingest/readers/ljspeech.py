"""LJSpeech 1.1: `LJSpeech-1.1/wavs/<id>.wav`, and `metadata.csv` with a line `id|text|normalized text` each.

Source: https://keithito.com/LJ-Speech-Dataset/. Quotes in the table are part of the texts.
"""

import re
from collections.abc import Iterator
from functools import partial

from pipeline.ingest.readers.reader import (
    Archive,
    Corpus,
    Layout,
    Member,
    Part,
    Refused,
    left_by_system,
    skipped,
    too_large,
    unknown,
)

_AUDIO = re.compile(r"(?:.+/)?wavs/(?P<id>[^/]+)\.wav", re.IGNORECASE)
_TABLE = re.compile(r"(?:.+/)?metadata\.csv")
_DOCUMENTATION = re.compile(r"(?:.+/)?README[^/]*|.*\.(?:txt|md)", re.IGNORECASE)


def read_ljspeech(member: Member, speaker: str) -> Iterator[Part | Refused]:
    """Classify a file of a corpus of one speaker; the table's third column is preferred where there is one."""
    audio = _AUDIO.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif audio and member.data is None:
        yield too_large(member, audio["id"], "")
    elif audio and member.data is not None:
        yield Part(member.name, audio["id"], "", speaker, audio["id"].partition("-")[0], "audio", member.data)
    elif _TABLE.fullmatch(member.name):
        for number, line in enumerate((member.data or b"").splitlines(), 1):
            columns = line.split(b"|")
            name = columns[0].decode("utf-8", "replace").strip()
            if not 2 <= len(columns) <= 3 or not name or "/" in name:
                yield Refused(member.name, "", "", "bad_line", f"line {number} is not id|text or id|text|text")
                continue
            chapter = name.partition("-")[0]
            # The third column has abbreviations and numbers written out; ingest normalises it once more.
            yield Part(member.name, name, "", speaker, chapter, "original", columns[1])
            if columns[2:] and columns[2].strip():
                yield Part(member.name, name, "", speaker, chapter, "normalized", columns[2])
    elif not _DOCUMENTATION.fullmatch(member.name):
        yield unknown(member)


LJSPEECH = Corpus(
    name="ljspeech",
    page="https://keithito.com/LJ-Speech-Dataset/",
    licence="public domain",
    citation="@misc{ljspeech17, author={Keith Ito and Linda Johnson}, title={The LJ Speech Dataset}, "
    "howpublished={https://keithito.com/LJ-Speech-Dataset/}, year={2017}}",
    contents="24 h, 13,100 utterances of 1 speaker, 22.05 kHz WAV",
    layout=Layout("LJSpeech-1.1/wavs/<id>.wav", partial(read_ljspeech, speaker="LJ")),
    archives=(
        Archive(
            "all",
            "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
            2_748_572_632,
            sha256="be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
        ),
    ),
    quirks=(
        "One speaker: name it under `ingest.split.within`, and train no encoder on it alone.",
        "bzip2 is slow to read.",
    ),
)

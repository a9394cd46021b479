"""Common Voice: `<language>/clips/<name>.mp3`, and `validated.tsv` with the columns client_id, path and sentence.

Only validated clips are used: other clips have no line in `validated.tsv`, and are left out. The corpus's own
`train.tsv`, `dev.tsv` and `test.tsv` list a part of the same clips, and are not read.

Source: Ardila et al. 2020, arXiv:1912.06670, and https://commonvoice.mozilla.org/.
"""

import re
from collections.abc import Iterator

from pipeline.ingest.readers.reader import (
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

_AUDIO = re.compile(r"(?:.+/)?clips/(?P<id>[^/]+)\.mp3")
_TABLE = re.compile(r"(?:.+/)?validated\.tsv")
_DOCUMENTATION = re.compile(r".*\.(?:tsv|txt|md|json)", re.IGNORECASE)
_COLUMNS = ("client_id", "path", "sentence")
_SPEAKER_DIGITS = 16
"""Digits of a client's id, which has 128: enough to tell 100,000 people apart."""


def read_common_voice(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of Common Voice; the table says who speaks."""
    audio = _AUDIO.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif audio and member.data is None:
        yield too_large(member, audio["id"], "")
    elif audio and member.data is not None:
        yield Part(member.name, audio["id"], "", "", "", "audio", member.data)
    elif _TABLE.fullmatch(member.name):
        yield from _texts(member)
    elif not _DOCUMENTATION.fullmatch(member.name):
        yield unknown(member)


def _texts(member: Member) -> Iterator[Part | Refused]:
    lines = (member.data or b"").decode("utf-8", "replace").split("\n")
    head = (member.head.decode("utf-8", "replace") if member.head is not None else lines.pop(0)).rstrip("\r\n")
    names = head.removeprefix("\ufeff").split("\t")
    if not set(_COLUMNS) <= set(names):
        detail = f"its first line does not name {', '.join(_COLUMNS)}"
        yield Refused(member.name, "", "", "bad_line", detail)
        return
    for line in filter(None, (line.rstrip("\r") for line in lines)):
        row = dict(zip(names, line.split("\t"), strict=False))
        speaker, path, sentence = (row.get(name, "") for name in _COLUMNS)
        if not re.fullmatch(r"[0-9a-f]{16,}", speaker) or not path.endswith(".mp3") or "/" in path:
            yield Refused(member.name, "", "", "bad_line", f"no client, clip and sentence: {line[:80]!r}")
            continue
        name = path.removesuffix(".mp3")
        yield Part(member.name, name, "", speaker[:_SPEAKER_DIGITS], "", "original", sentence.encode())


COMMON_VOICE = Corpus(
    name="common-voice",
    page="https://commonvoice.mozilla.org/",
    licence="CC0-1.0",
    citation="@inproceedings{ardila2020commonvoice, title={Common Voice: A Massively-Multilingual Speech Corpus}, "
    "author={Rosana Ardila and Megan Branson and Kelly Davis and Michael Kohler and Josh Meyer and Michael Henretty "
    "and Reuben Morais and Lindsay Saunders and Francis Tyers and Gregor Weber}, booktitle={LREC}, year={2020}}",
    contents="grows with each version; MP3",
    layout=Layout("<language>/clips/<name>.mp3", read_common_voice, listed_only=True),
    quirks=(
        "It is downloaded from the Mozilla Data Collective with an account, and no hash is published.",
        "Only clips that `validated.tsv` lists are used.",
    ),
)

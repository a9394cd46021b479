"""LibriTTS's layout: `LibriTTS/<subset>/<speaker>/<chapter>/<speaker>_<chapter>_<paragraph>_<utterance>.<kind>`.

Source: Zen et al. 2019, arXiv:1904.02882, and the archives of https://www.openslr.org/60/.
"""

import re
from collections.abc import Iterator

from pipeline.ingest.archive import MAX_MEMBER_BYTES, Member
from pipeline.ingest.utterance import Kind, Part, Refused

KNOWN_BROKEN = frozenset({"1092_134562_000013_000004"})
"""Utterances of the published archives whose audio can't be decoded."""

_PART = re.compile(
    r"(?:.+/)?(?P<subset>[^/]+)/(?P<speaker>[^/_]+)/(?P<chapter>[^/_]+)/(?P<id>(?P=speaker)_(?P=chapter)_\w+)"
    r"\.(?P<kind>(?i:wav|flac)|original\.txt|normalized\.txt)"
)
_DOCUMENTATION = re.compile(r"(?!.*\.(?:original|normalized)\.txt$).*\.(?:txt|tsv|md|html)", re.IGNORECASE)
_KINDS: dict[str, Kind] = {"original.txt": "original", "normalized.txt": "normalized"}


def read_libritts(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of LibriTTS; licences, lists of speakers and books, and `*.tsv` are skipped."""
    base = member.name.rpartition("/")[2]
    found = _PART.fullmatch(member.name)
    if base.startswith("."):
        yield Refused(member.name, "", "", "skipped", "left by the system that packed the archive")
    elif found is None:
        if not _DOCUMENTATION.fullmatch(base):
            yield Refused(member.name, "", "", "unknown_name", "neither an utterance nor documentation by its name")
    elif found["id"] in KNOWN_BROKEN:
        yield Refused(
            member.name, found["id"], found["subset"], "skipped", "known to be broken in the published archive"
        )
    elif member.data is None:
        detail = f"{member.size} bytes; at most {MAX_MEMBER_BYTES} are read"
        yield Refused(member.name, found["id"], found["subset"], "too_large", detail)
    else:
        kind = _KINDS.get(found["kind"], "audio")
        yield Part(member.name, found["id"], found["subset"], found["speaker"], found["chapter"], kind, member.data)

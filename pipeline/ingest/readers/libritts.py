"""LibriTTS's layout: `LibriTTS/<subset>/<speaker>/<chapter>/<speaker>_<chapter>_<paragraph>_<utterance>.<kind>`.

Source: Zen et al. 2019, arXiv:1904.02882, and the archives of https://www.openslr.org/60/.
"""

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
    found = _PART.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif found is None:
        if not _DOCUMENTATION.fullmatch(member.name.rpartition("/")[2]):
            yield unknown(member)
    elif found["id"] in KNOWN_BROKEN:
        yield Refused(
            member.name, found["id"], found["subset"], "skipped", "known to be broken in the published archive"
        )
    elif member.data is None:
        yield too_large(member, found["id"], found["subset"])
    else:
        kind = _KINDS.get(found["kind"], "audio")
        yield Part(member.name, found["id"], found["subset"], found["speaker"], found["chapter"], kind, member.data)


def _archive(subset: str, md5: str, sha256: str) -> Archive:
    url = f"https://www.openslr.org/resources/60/{subset}.tar.gz"
    return Archive(subset, url, _BYTES.get(subset), md5, sha256)


_BYTES = {"dev-clean": 1_291_469_655, "train-other-500": 44_565_031_479}

LIBRITTS = Corpus(
    name="libritts",
    page="https://www.openslr.org/60/",
    licence="CC BY 4.0",
    citation="@inproceedings{zen2019libritts, title={LibriTTS: A Corpus Derived from LibriSpeech for Text-to-Speech}, "
    "author={Heiga Zen and Viet Dang and Rob Clark and Yu Zhang and Ron J. Weiss and Ye Jia and Zhifeng Chen and "
    "Yonghui Wu}, booktitle={Interspeech}, year={2019}, doi={10.21437/Interspeech.2019-2441}}",
    contents="585 h, 2,456 speakers, 24 kHz WAV",
    layout=Layout("LibriTTS/<subset>/<speaker>/<chapter>/<speaker>_<chapter>_...", read_libritts),
    archives=(
        _archive(
            "train-clean-100",
            "4a8c202b78fe1bc0c47916a98f3a2ea8",
            "c5608bf1ef74bb621935382b8399c5cdd51cd3ee47cec51f00f885a64c6c7f6b",
        ),
        _archive(
            "train-clean-360",
            "a84ef10ddade5fd25df69596a2767b2d",
            "ce7cff44dcac46009d18379f37ef36551123a1dc4e5c8e4eb73ae57260de4886",
        ),
        _archive(
            "train-other-500",
            "7b181dd5ace343a5f38427999684aa6f",
            "e35f7e34deeb2e2bdfe4403d88c8fdd5fbf64865cae41f027a185a6965f0a5df",
        ),
        _archive(
            "dev-clean",
            "0c3076c1e5245bb3f0af7d82087ee207",
            "da0864e1bd26debed35da8a869dd5c04dfc27682921936de7cff9c8a254dbe1a",
        ),
        _archive(
            "test-clean",
            "7bed3bdb047c4c197f1ad3bc412db59f",
            "234ea5b25859102a87024a4b9b86641f5b5aaaf1197335c95090cde04fe9a4f5",
        ),
    ),
    people="libritts",
    quirks=("The audio of 1092_134562_000013_000004 can't be decoded; it is skipped.",),
)

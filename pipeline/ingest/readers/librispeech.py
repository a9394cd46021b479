"""LibriSpeech: `LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac`, and a text file a chapter.

Source: Panayotov et al. 2015, and the archives of https://www.openslr.org/12/.
"""

import re
from collections.abc import Iterator

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

_FOLDER = r"(?:.+/)?(?P<subset>[^/]+)/(?P<speaker>\d+)/(?P<chapter>\d+)/"
_AUDIO = re.compile(_FOLDER + r"(?P<id>(?P=speaker)-(?P=chapter)-\d+)\.flac")
_TEXTS = re.compile(_FOLDER + r"(?P=speaker)-(?P=chapter)\.trans\.txt")
_LINE = re.compile(rb"(?P<id>\d+-\d+-\d+) (?P<text>\S.*)")
_DOCUMENTATION = re.compile(r".*\.TXT")


def read_librispeech(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of LibriSpeech; a text file has a line an utterance."""
    audio, texts = _AUDIO.fullmatch(member.name), _TEXTS.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif audio and member.data is None:
        yield too_large(member, audio["id"], audio["subset"])
    elif audio and member.data is not None:
        yield Part(member.name, audio["id"], audio["subset"], audio["speaker"], audio["chapter"], "audio", member.data)
    elif texts:
        for number, line in enumerate((member.data or b"").splitlines(), 1):
            found = _LINE.fullmatch(line.strip())
            if found is None or not found["id"].startswith(f"{texts['speaker']}-{texts['chapter']}-".encode()):
                yield Refused(member.name, "", texts["subset"], "bad_line", f"line {number} is no id and text")
                continue
            name, who = found["id"].decode(), (texts["subset"], texts["speaker"], texts["chapter"])
            yield Part(member.name, name, *who, "original", found["text"])
            yield Part(member.name, name, *who, "normalized", found["text"].lower())
    elif not _DOCUMENTATION.fullmatch(member.name):
        yield unknown(member)


def _archive(subset: str, n_bytes: int, md5: str) -> Archive:
    return Archive(subset, f"https://www.openslr.org/resources/12/{subset}.tar.gz", n_bytes, md5)


LIBRISPEECH = Corpus(
    name="librispeech",
    page="https://www.openslr.org/12/",
    licence="CC BY 4.0",
    citation="@inproceedings{panayotov2015librispeech, title={Librispeech: An ASR Corpus Based on Public Domain Audio "
    "Books}, author={Vassil Panayotov and Guoguo Chen and Daniel Povey and Sanjeev Khudanpur}, booktitle={ICASSP}, "
    "year={2015}, doi={10.1109/ICASSP.2015.7178964}}",
    contents="982 h, 2,484 speakers, 16 kHz FLAC",
    layout=Layout("LibriSpeech/<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac", read_librispeech),
    archives=(
        _archive("train-clean-100", 6_387_309_499, "2a93770f6d5c6c964bc36631d331a522"),
        _archive("train-clean-360", 23_049_477_885, "c0e676e450a7ff2f54aeade5171606fa"),
        _archive("train-other-500", 30_593_501_606, "d1a0fd59409feb2c614ce4d30c387708"),
        _archive("dev-clean", 337_926_286, "42e2234ba48799c1f50f24a7926300a1"),
        _archive("dev-other", 314_305_928, "c8d0bcc9cca99d4f8b62fcc847357931"),
        _archive("test-clean", 346_663_984, "32fa31d27d2e1cad72775fee3f4849a9"),
        _archive("test-other", 328_757_843, "fb5a50374b501bb3bac4815ee91d3135"),
    ),
    people="libritts",
    quirks=(
        "No SHA-256 is given here: state that of your download.",
        "Texts are upper case without punctuation; they are read in lower case.",
        "It serves the encoder: leave it out of `synthesizer.training.corpora`.",
    ),
)

"""LibriTTS-R: LibriTTS, restored by Miipher. Its layout is LibriTTS's; some restorations failed, and a list names them.

The list is an archive of its own: name it as a source of this corpus, and its utterances are left out everywhere.

Source: Koizumi et al. 2023, arXiv:2305.18802, and the archives of https://www.openslr.org/141/.
"""

import re
from collections.abc import Iterator

from pipeline.ingest.readers.libritts import read_libritts
from pipeline.ingest.readers.reader import Archive, Corpus, Layout, Member, Part, Refused, left_by_system

_LIST = re.compile(r"(?:.+/)?[\w-]+_bad_sample_list\.txt")
_LINE = re.compile(r"(?:\./)?(?:[^/\s]+/){3}(?P<id>[^/\s]+)\.wav")


def read_libritts_r(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of LibriTTS-R; a list of failed restorations refuses the utterances that it names."""
    if left_by_system(member.name) or not _LIST.fullmatch(member.name):
        yield from read_libritts(member)
        return
    for number, line in enumerate((member.data or b"").decode("utf-8", "replace").splitlines(), 1):
        found = _LINE.fullmatch(line.strip())
        if found:
            detail = f"line {number} of the corpus's list of failed restorations"
            yield Refused(member.name, found["id"], "", "failed_restoration", detail, everywhere=True)
        elif line.strip():
            yield Refused(member.name, "", "", "bad_line", f"line {number} names no recording: {line[:80]!r}")


def _archive(subset: str, md5: str | None) -> Archive:
    return Archive(subset, f"https://www.openslr.org/resources/141/{subset.replace('-', '_')}.tar.gz", md5=md5)


LIBRITTS_R = Corpus(
    name="libritts-r",
    page="https://www.openslr.org/141/",
    licence="CC BY 4.0",
    citation="@inproceedings{koizumi2023librittsr, title={LibriTTS-R: A Restored Multi-Speaker Text-to-Speech Corpus}, "
    "author={Yuma Koizumi and Heiga Zen and Shigeki Karita and Yifan Ding and Kohei Yatabe and Nobuyuki Morioka and "
    "Michiel Bacchiani and Yu Zhang and Wei Han and Ankur Bapna}, booktitle={Interspeech}, year={2023}}",
    contents="585 h, 2,456 speakers, 24 kHz WAV",
    layout=Layout("LibriTTS_R/<subset>/<speaker>/<chapter>/<speaker>_<chapter>_...", read_libritts_r),
    archives=(
        _archive("train-clean-100", "6df668d8f5f33e70876bfa33862ad02b"),
        _archive("train-clean-360", "382eb3e64394b3da6a559f864339b22c"),
        _archive("train-other-500", "a37a8e9f4fe79d20601639bf23d1add8"),
        _archive("dev-clean", "2c1f5312914890634cc2d15783032ff3"),
        _archive("dev-other", "62d3a80ad8a282b6f31b3904f0507e4f"),
        _archive("test-clean", "4d373d453eb96c0691e598061bbafab7"),
        _archive("test-other", "dbc0959d8bdb6d52200595cabc9995ae"),
        Archive(
            "failed",
            "https://www.openslr.org/resources/141/libritts_r_failed_speech_restoration_examples.tar.gz",
        ),
    ),
    people="libritts",
    quirks=(
        "No SHA-256 is published: state that of your download.",
        "The archive `failed` lists failed restorations; with it among the sources, they are left out.",
        "The subset `failed` holds no speech, so that its row in a release's card has no hours.",
        "Texts that are only in `*.trans.tsv` are not read; their recordings are refused as unpaired.",
    ),
)

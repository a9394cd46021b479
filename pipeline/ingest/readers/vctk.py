"""VCTK 0.92: `wav48_silence_trimmed/<speaker>/<id>_mic<1 or 2>.flac` and `txt/<speaker>/<id>.txt`, in a zip.

The zip may have a top folder. Of the two microphones one is read: the second, as most do, or the first by the layout
`vctk-mic1`. Speaker p280 has the first only, so that is read in both layouts.

Source: Yamagishi et al. 2019, https://doi.org/10.7488/ds/2645.
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

WITHOUT_TEXT = "p315"
"""Its texts were lost."""
ONLY_MIC1 = "p280"

_SPEAKER = r"(?P<speaker>[ps]\d+)/(?P<id>(?P=speaker)_\d+)"
_AUDIO = re.compile(r"(?:.+/)?wav48_silence_trimmed/" + _SPEAKER + r"_mic(?P<mic>[12])\.flac")
_TEXT = re.compile(r"(?:.+/)?txt/" + _SPEAKER + r"\.txt")
_DOCUMENTATION = re.compile(r"(?:.+/)?(?:speaker-info\.txt|log\.txt|update\.txt|license_text|README[^/]*)", re.I)


def read_vctk(member: Member, mic: str) -> Iterator[Part | Refused]:
    """Classify a file of VCTK; files of the other microphone yield nothing."""
    audio, text = _AUDIO.fullmatch(member.name), _TEXT.fullmatch(member.name)
    found = audio or text
    if left_by_system(member.name):
        yield skipped(member)
    elif found is None:
        if not _DOCUMENTATION.fullmatch(member.name):
            yield unknown(member)
    elif audio and audio["mic"] != ("1" if audio["speaker"] == ONLY_MIC1 else mic):
        return
    elif found["speaker"] == WITHOUT_TEXT:
        detail = "this speaker's texts are not in the published archive"
        yield Refused(member.name, found["id"], "", "skipped", detail)
    elif member.data is None:
        yield too_large(member, found["id"], "")
    else:
        kind = "audio" if audio else "original"
        yield Part(member.name, found["id"], "", found["speaker"], "", kind, member.data)  # type: ignore[arg-type]


_PATH = "wav48_silence_trimmed/<speaker>/<speaker>_<number>_mic{}.flac"

VCTK = Corpus(
    name="vctk",
    page="https://doi.org/10.7488/ds/2645",
    licence="CC BY 4.0",
    citation="@misc{yamagishi2019vctk, author={Junichi Yamagishi and Christophe Veaux and Kirsten MacDonald}, "
    "title={CSTR VCTK Corpus: English Multi-speaker Corpus for CSTR Voice Cloning Toolkit (version 0.92)}, "
    "year={2019}, doi={10.7488/ds/2645}}",
    contents="44 h, 110 speakers, 48 kHz FLAC",
    layout=Layout(_PATH.format(2), partial(read_vctk, mic="2")),
    further_layouts={"vctk-mic1": Layout(_PATH.format(1), partial(read_vctk, mic="1"))},
    archives=(
        Archive(
            "all",
            "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
            11_747_302_977,
            sha256="f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
        ),
    ),
    quirks=(
        "p315 has no texts and is skipped; p280 has no second microphone, so its first is read.",
        "p362 lacks some files: what has no partner is refused as unpaired. Speaker s5 has no `p`.",
        "`silence_trimmed` still has silence at the edges, which ingest cuts off.",
    ),
)

"""VoxCeleb 1 and 2: `wav/<speaker>/<video>/<number>.wav`, and `aac/<speaker>/<video>/<number>.m4a`, without texts.

Both are zips that are cut into pieces, and read as they are. There are no texts: only the encoder learns from them.
Speakers of VoxCeleb1's test set are left out, whichever archive they are in, because verifiers are compared on them.

Source: Nagrani et al. 2017, arXiv:1706.08612; Chung et al. 2018, arXiv:1806.05622.
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

TEST_SPEAKERS = frozenset(f"id{number}" for number in range(10270, 10310))
"""The 40 speakers of VoxCeleb1's test set."""

_AUDIO = re.compile(r"(?:.+/)?(?:wav|aac)/(?P<speaker>id\d{5})/(?P<video>[^/]+)/(?P<number>\d+)\.(?:wav|m4a)")
_DOCUMENTATION = re.compile(r".*\.(?:txt|csv|md)", re.IGNORECASE)


def read_voxceleb(member: Member) -> Iterator[Part | Refused]:
    """Classify a file of VoxCeleb."""
    audio = _AUDIO.fullmatch(member.name)
    if left_by_system(member.name):
        yield skipped(member)
    elif audio is None:
        if not _DOCUMENTATION.fullmatch(member.name):
            yield unknown(member)
    else:
        name = "-".join(audio.group("speaker", "video", "number"))
        if audio["speaker"] in TEST_SPEAKERS:
            yield Refused(member.name, name, "", "skipped", "the speaker is of VoxCeleb1's test set")
        elif member.data is None:
            yield too_large(member, name, "")
        else:
            yield Part(member.name, name, "", audio["speaker"], audio["video"], "audio", member.data)


def _piece(number: int, sha256: str) -> Archive:
    url = f"https://thor.robots.ox.ac.uk/~vgg/data/voxceleb/vox1a/vox1_dev_wav_parta{'abcd'[number - 1]}"
    return Archive("dev", url, sha256=sha256, piece=number)


def _piece_2(number: int, md5: str) -> Archive:
    n_bytes = 10_737_418_240 if number < 8 else 2_315_355_528
    return Archive("dev", "", n_bytes, md5, piece=number)


_LICENCE = "CC BY 4.0 on metadata; copyright of the recordings remains with the videos' owners"

VOXCELEB1 = Corpus(
    name="voxceleb1",
    page="https://mm.kaist.ac.kr/datasets/voxceleb/",
    licence=_LICENCE,
    citation="@inproceedings{nagrani2017voxceleb, title={VoxCeleb: A Large-Scale Speaker Identification Dataset}, "
    "author={Arsha Nagrani and Joon Son Chung and Andrew Zisserman}, booktitle={Interspeech}, year={2017}}",
    contents="352 h, 153,516 utterances of 1,251 speakers, 16 kHz WAV",
    layout=Layout("wav/<speaker>/<video>/<number>.wav", read_voxceleb, texts="none"),
    archives=(
        _piece(1, "21ec6ca843659ebc2fdbe04b530baa4f191ad4b0971912672d92c158f32226a0"),
        _piece(2, "311d21e0c8cbf33573a4fce6c80e5a279d80736274b381c394319fc557159a04"),
        _piece(3, "92b64465f2b2a3dc0e4196ae8dd6828cbe9ddd1f089419a11e4cbfe2e1750df0"),
        _piece(4, "00e6190c770b27f27d2a3dd26ee15596b17066b715ac111906861a7d09a211a5"),
    ),
    quirks=(
        "No texts: only the encoder learns from it.",
        "A login is read from the file that the environment variable NETRC names.",
        "The 40 speakers of its test set are left out.",
    ),
)

VOXCELEB2 = Corpus(
    name="voxceleb2",
    page="https://mm.kaist.ac.kr/datasets/voxceleb/",
    licence=_LICENCE,
    citation="@inproceedings{chung2018voxceleb2, title={VoxCeleb2: Deep Speaker Recognition}, author={Joon Son Chung "
    "and Arsha Nagrani and Andrew Zisserman}, booktitle={Interspeech}, year={2018}}",
    contents="2,442 h, 1,128,246 utterances of 6,112 speakers, AAC in M4A",
    layout=Layout("dev/aac/<speaker>/<video>/<number>.m4a", read_voxceleb, texts="none"),
    archives=(
        _piece_2(1, "da070494c573e5c0564b1d11c3b20577"),
        _piece_2(2, "17fe6dab2b32b48abaf1676429cdd06f"),
        _piece_2(3, "1de58e086c5edf63625af1cb6d831528"),
        _piece_2(4, "5a043eb03e15c5a918ee6a52aad477f9"),
        _piece_2(5, "cea401b624983e2d0b2a87fb5d59aa60"),
        _piece_2(6, "fc886d9ba90ab88e7880ee98effd6ae9"),
        _piece_2(7, "d160ecc3f6ee3eed54d55349531cb42e"),
        _piece_2(8, "6b84a81b9af72a9d9eecbb3b1f602e65"),
        Archive("test", "", md5="0d2b3ea430a821c33263b5ea37ede312"),
    ),
    quirks=(
        "No texts: only the encoder learns from it.",
        "Its files are given on request, and only MD5s are known: state the SHA-256 of your copy.",
        "M4A is decoded by PyAV, the extra `m4a`.",
    ),
)

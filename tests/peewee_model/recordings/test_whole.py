import io
import struct

import numpy as np
import pytest
import soundfile

from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip
from tests.peewee_model.recordings.test_reading import RATE, chunk, encoded, refusal, tone, with_size

SOUND = tone(4.0)
STREAMED = {
    "nothing": (0, 0), "all ones": (2**32 - 1, 2**32 - 1), "only the data": (0, None),
    "ones, only the data": (2**32 - 1, None), "only the whole": (None, 0), "ones, only the whole": (None, 2**32 - 1),
    "sox": (0x7FFFFFFF - 36, 0x7FFFFFFF),
}  # fmt: skip


def streamed(data, size, riff_size):
    """Overwrite the sizes of data and of the whole, where one is given."""
    for kind, value in ((b"data", size), (b"RIFF", riff_size)):
        data = data if value is None else with_size(data, kind, value)
    return data


@pytest.mark.parametrize("case", STREAMED)
@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "DOUBLE"), ("WAV", "ALAW"), ("WAVEX", "FLOAT")]
)
def test_streamed_wav_is_read_to_the_end_of_the_file(case, kind, subtype):
    """A recorder that writes to a pipe can't go back and write the sizes."""
    data = encoded(SOUND, kind=kind, subtype=subtype)
    expected = read_clip(data).samples
    found = read_clip(streamed(data, *STREAMED[case])).samples
    np.testing.assert_array_equal(found[: len(expected)], expected)
    assert len(found) - len(expected) <= 32  # a chunk behind the data, which libsndfile writes after floats


@pytest.mark.parametrize("size", [0, 2**63 - 1, 2**64 - 1])
def test_streamed_rf64_is_read_to_the_end_of_the_file(size):
    """Its sizes of 64 bits were not written either."""
    data = encoded(SOUND, kind="RF64")
    at = data.index(b"ds64") + 8
    data = data[:at] + struct.pack("<QQ", size, size) + data[at + 16 :]
    data = with_size(data, b"data", 2**32 - 1)
    np.testing.assert_array_equal(read_clip(data).samples, read_clip(encoded(SOUND)).samples)


def test_streamed_wav_may_end_within_a_sample():
    """The last bytes of a stream that was cut off are no sample."""
    data = streamed(encoded(SOUND, subtype="PCM_24"), 0, 0)
    assert len(read_clip(data[:-2]).samples) == len(SOUND) - 1


def test_wav_whose_data_are_truly_empty_has_no_sound():
    """Other chunks behind an empty one are not its samples."""
    head = encoded(SOUND)[12:36]
    body = head + chunk(b"data", b"") + chunk(b"LIST", b"INFOIART" + 40 * b"x")
    assert refusal(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body) == "empty"


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9, 0.99])
def test_half_a_file_is_refused(kind, subtype, share):
    """libsndfile reads what is there in silence."""
    data = encoded(SOUND, kind=kind, subtype=subtype)
    assert refusal(data[: int(share * len(data))]) == "truncated"


@pytest.mark.parametrize(
    ("kind", "subtype", "found"),
    [
        ("WAV", "PCM_16", r"holds 2\.\d\d s of the 4\.00 s that its header states"),
        ("OGG", "VORBIS", r"ends after [0-3]\.\d\d s"),
        ("OGG", "OPUS", r"ends after [0-3]\.\d\d s"),
        ("MP3", "MPEG_LAYER_III", r"holds [12]\.\d\d s of the 4\.\d\d s that its header states"),
    ],
)
def test_refusal_of_half_a_file_states_its_seconds(kind, subtype, found):
    """What is there, and what should be, where the file says it."""
    data = encoded(SOUND, kind=kind, subtype=subtype)
    with pytest.raises(AudioError, match=found):
        read_clip(data[: len(data) * 55 // 100])


def without_table(data):
    """An MP3 file of other encoders: its first frame is sound."""
    start = data.index(b"Info") if b"Info" in data else data.index(b"Xing")
    second = data.index(data[:2], start)
    return data[second:]


@pytest.mark.parametrize("bitrate_mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("tag", [b"", b"TAG" + 125 * b"\0", b"APETAGEX" + 24 * b"\0"])
def test_mp3_without_a_table_of_its_frames_is_read_whole(bitrate_mode, tag):
    """libsndfile guesses its length from the first frame: of a variable rate it is wrong by a tenth or by half."""
    buffer = io.BytesIO()
    changing = np.concatenate([SOUND * 0.001, np.random.default_rng(0).normal(0, 0.1, len(SOUND)), SOUND])
    soundfile.write(buffer, changing, RATE, format="MP3", subtype="MPEG_LAYER_III", bitrate_mode=bitrate_mode)
    data = without_table(buffer.getvalue())
    found = read_clip(data + tag)
    assert found.duration_s == pytest.approx(12.0, abs=0.2)
    id3 = b"ID3\x04\x00\x00" + bytes((0, 0, 2, 0)) + bytes(256)
    np.testing.assert_array_equal(read_clip(id3 + data).samples, found.samples)
    assert refusal(data[: len(data) // 2 + 7] if not tag else data[:-5]) == "truncated"

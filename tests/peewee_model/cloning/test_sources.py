import io

import numpy as np
import pytest
import soundfile
import torch

from peewee_model.audio.clip import Clip
from peewee_model.cloning.sources import read_source, recordings_of
from peewee_model.errors import AudioError, ConfigError, PeeweeError
from tests.peewee_model.cloning.test_cloner import voice

RATE = 16_000
SAMPLES = voice(1.0) * 0.9


def read(source):
    return read_source(source, "reference 1", max_duration_s=60)


@pytest.fixture(scope="module")
def wav():
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def test_file_is_the_same_by_path_opened_and_as_bytes(wav, tmp_path):
    """A BytesIO that was just written is read from its start."""
    path = tmp_path / "me.wav"
    path.write_bytes(wav)
    written = io.BytesIO()
    written.write(wav)
    with path.open("rb") as file:
        for source in (path, str(path), wav, bytearray(wav), memoryview(wav), io.BytesIO(wav), written, file):
            clip = read(source)
            assert clip.sample_rate == RATE
            np.testing.assert_array_equal(clip.samples, SAMPLES)


@pytest.mark.parametrize(
    ("array", "tolerance"),
    [
        (SAMPLES, 0), (SAMPLES.astype(np.float64), 0), (SAMPLES.astype(np.float16), 1e-3),
        (torch.from_numpy(SAMPLES), 0),
        ((SAMPLES * 2**15).astype(np.int16), 1e-4), ((SAMPLES * 2.0**31).astype(np.int32), 1e-7),
        ((SAMPLES * 127).astype(np.int8), 2e-2), ((SAMPLES * 127 + 128).astype(np.uint8), 2e-2),
        (np.stack([SAMPLES] * 2), 1e-7), (np.stack([SAMPLES] * 2, axis=1), 1e-7), (SAMPLES[np.newaxis], 0),
        (torch.from_numpy(np.stack([SAMPLES] * 2)).requires_grad_(), 1e-7), (SAMPLES.astype(">f4"), 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("rate", [RATE, float(RATE), np.int64(RATE)])
def test_samples_with_their_rate_are_read_whatever_their_kind(array, tolerance, rate):
    """Floats as they are, integers by their full scale, channels on either side."""
    clip = read((array, rate))
    assert (clip.sample_rate, clip.samples.dtype, clip.samples.ndim) == (RATE, np.float32, 1)
    np.testing.assert_allclose(clip.samples, SAMPLES, atol=tolerance)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ((RATE, SAMPLES), "the samples come first"),
        ((SAMPLES, -RATE), "the sample rate is -16000"),
        ((SAMPLES, 0), "the sample rate is 0"),
        ((SAMPLES, True), "give a whole number of Hz"),
        ((SAMPLES, 16000.5), "give a whole number of Hz"),
        ((SAMPLES, float("nan")), "give a whole number of Hz"),
        ((SAMPLES, float("inf")), "give a whole number of Hz"),
        ((SAMPLES, "16000"), "give a whole number of Hz"),
        ((SAMPLES, None), "give a whole number of Hz"),
        ((SAMPLES, 10), "1,000 to 384,000 Hz"),
        ((list(SAMPLES[:99]), RATE), "the samples are of type list; give an array of numpy or torch"),
        (("me.wav", RATE), "the samples are of type str"),
        ((SAMPLES.astype(np.int64), RATE), "int64 have no known full scale"),
        ((SAMPLES > 0, RATE), "bool have no known full scale"),
        ((SAMPLES.astype(complex), RATE), "complex128 have no known full scale"),
        ((SAMPLES.astype(object), RATE), "object have no known full scale"),
        ((np.zeros((4000, 4000), np.float32), RATE), r"shape \(4000, 4000\); give one channel"),
        ((np.zeros((2, 2), np.float32), RATE), r"shape \(2, 2\)"),
        ((np.stack([SAMPLES[None]] * 2), RATE), r"shape \(2, 1, 16000\)"),
        ((SAMPLES[:0], RATE), "has no samples"),
        ((SAMPLES[:20], RATE), "less than 0.01 s"),
        ((SAMPLES * np.nan, RATE), "NaN or infinity"),
        ((SAMPLES * np.float32(np.inf), RATE), "NaN or infinity"),
        ((SAMPLES * 3e4, RATE), "full scale is 1; scale it"),
        ((np.stack([SAMPLES, -SAMPLES]), RATE), "its channels cancel"),
        ((np.tile(SAMPLES, 61), RATE), "at most 60 s"),
        (Clip(SAMPLES, -1), "the sample rate is -1"),
        (Clip(SAMPLES, "fast"), "give a whole number of Hz"),
        (Clip(None, RATE), "the samples are None"),
        (io.StringIO("sound"), "open it with 'rb'"),
        (io.BytesIO(), "has no bytes"),
        (17, "reference 1 is of type int; give a path, bytes"),
        (None, "reference 1 is None; give a path, bytes"),
        (object(), "reference 1 is of type object"),
        ("", "is a folder"),
        ("x" * 5000, "can't be read|is not a file"),
        ("me\0.wav", "is not a file"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 99 else type(value).__name__,
)
def test_what_is_no_recording_is_refused_by_name(source, message):
    """Each mistake is one of our errors, in one line with a remedy."""
    with pytest.raises(PeeweeError, match=message) as caught:
        read(source)
    assert "\n" not in str(caught.value)


def test_file_that_can_not_be_read_is_refused(tmp_path):
    """A folder, a closed file, and one that is opened for writing."""
    (tmp_path / "me.wav").write_bytes(b"x")
    with pytest.raises(AudioError, match="is a folder; name the recordings in it"):
        read(tmp_path)
    with (tmp_path / "me.wav").open("rb") as file:
        pass
    for opened in (file, (tmp_path / "me.wav").open("wb")):
        with pytest.raises(AudioError, match="an open file, can't be read"):
            read(opened)


@pytest.mark.parametrize(
    "one", ["me.wav", b"RIFF", io.BytesIO(), Clip(SAMPLES, RATE), (SAMPLES, RATE), (RATE, SAMPLES)]
)
def test_one_recording_is_a_reference(one):
    """A tuple of samples and a rate is one recording; a tuple of paths is two."""
    assert len(recordings_of(one)) == 1
    assert len(recordings_of([one, one])) == len(recordings_of(("a.wav", "b.wav"))) == 2
    assert len(recordings_of(path for path in ("a.wav", "b.wav", "c.wav"))) == 3


@pytest.mark.parametrize("nothing", [None, 17, {"a": 1}, {"a.wav"}, SAMPLES, torch.from_numpy(SAMPLES)])
def test_what_is_neither_a_recording_nor_a_list_is_refused(nothing):
    """An array alone lacks its rate."""
    with pytest.raises(ConfigError, match="give"):
        recordings_of(nothing)


@pytest.mark.parametrize("empty", [[], (), iter(())])
def test_list_without_a_recording_is_refused(empty):
    """There is no voice in it."""
    with pytest.raises(AudioError, match="give at least one recording"):
        recordings_of(empty)

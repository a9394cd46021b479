"""Speech in files of every format that is written."""

from pathlib import Path

import numpy as np
import pytest

from peewee_model.audio.clip import quantize, resample
from peewee_model.cloning.sound_file import FORMATS, encode, format_of
from peewee_model.errors import ConfigError
from peewee_model.recordings.reading import read_clip

MAGIC = {".wav": b"RIFF", ".flac": b"fLaC", ".mp3": (b"ID3", b"\xff"), ".ogg": b"OggS", ".opus": b"OggS"}


def voice(rate, seconds=2):
    times = np.arange(seconds * rate) / rate
    return (0.2 * np.sin(2 * np.pi * 300 * times) * np.sin(2 * np.pi * 2 * times)).astype(np.float32)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000])
@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_written_is_read_again(ending, rate):
    """Of its format, as long as it was, and with its sound: exactly, where nothing is lost."""
    samples = voice(rate)
    data = encode(samples, rate, ending)
    assert data.startswith(MAGIC[ending])
    clip = read_clip(data)
    if ending in (".wav", ".flac"):
        np.testing.assert_array_equal(quantize(clip.samples), quantize(samples))
        return
    back = resample(clip.samples, clip.sample_rate, rate)
    assert abs(len(back) - len(samples)) < 0.1 * rate  # lossy codecs pad
    lag = np.argmax(np.correlate(back[: 3 * rate // 2], samples[:rate], "valid"))
    assert np.corrcoef(back[lag : lag + rate], samples[:rate])[0, 1] > 0.99


@pytest.mark.parametrize("name", ["voice", "voice.txt", "voice.m4a", "voice.wav.zip"])
def test_a_name_of_no_format_is_refused(name):
    """And the error lists those that are written."""
    with pytest.raises(ConfigError, match=r"\.wav, \.flac, \.mp3, \.ogg, \.opus"):
        format_of(Path(name))
    assert format_of(Path("VOICE.MP3")) == ".mp3"


def test_a_device_takes_wav():
    """/dev/null has no ending."""
    assert format_of(Path("/dev/null")) == ".wav"

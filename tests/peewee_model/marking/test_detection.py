"""The mark in the samples: whether it is found, in real speech, after what happens to files."""

import io

import numpy as np
import pytest
import soundfile
import soxr

from peewee_model.audio.clip import quantize
from peewee_model.errors import AudioError
from peewee_model.marking.detection import detect
from peewee_model.marking.mark import mark

KEY = "peewee-tts"


def by_av(samples, rate, codec, container, bit_rate):
    import av

    buffer = io.BytesIO()
    file = av.open(buffer, "w", format=container)
    stream = file.add_stream(codec, rate=rate, layout="mono", bit_rate=bit_rate)
    frame = av.AudioFrame.from_ndarray(quantize(samples)[np.newaxis], format="s16", layout="mono")
    frame.sample_rate = rate
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        file.mux(packet)
    file.close()
    buffer.seek(0)
    return soundfile.read(buffer, dtype="float32")


TREATMENTS = {
    "none": lambda samples, rate: (samples, rate),
    "MP3 of 64 kbit/s": lambda samples, rate: by_av(samples, rate, "libmp3lame", "mp3", 64_000),
    "Opus of 24 kbit/s": lambda samples, rate: by_av(samples, rate, "libopus", "ogg", 24_000),
    "16 kHz": lambda samples, rate: (soxr.resample(samples, rate, 16_000), 16_000),
    "8 kHz": lambda samples, rate: (soxr.resample(samples, rate, 8_000), 8_000),
    "a fourth as loud": lambda samples, rate: (quantize(samples / 4) / np.float32(32768), rate),
}


@pytest.fixture(scope="module")
def recordings(shared_data):
    """Three seconds out of every ten of the recorded references, at 24 kHz."""
    found = []
    for path in sorted((shared_data / "references").glob("*.flac")):
        samples, rate = soundfile.read(path, dtype="float32")
        samples = soxr.resample(samples, rate, 24_000)
        found += [samples[start : start + 12 * 24_000] for start in range(0, len(samples) - 12 * 24_000, 12 * 24_000)]
    return found


@pytest.mark.parametrize("name", TREATMENTS)
def test_three_seconds_of_marked_speech_are_enough(recordings, name):
    """Cut out anywhere, after codecs, other rates and another loudness."""
    starts = np.random.default_rng(0).integers(0, 9 * 24_000, len(recordings))
    missed = 0
    for recording, start in zip(recordings, starts, strict=True):
        samples, rate = TREATMENTS[name](mark(recording, 24_000, KEY), 24_000)
        start = int(start * rate / 24_000)
        missed += not detect(samples[start : start + 3 * rate], rate, KEY).marked
    assert len(recordings) > 10
    assert missed == 0


def test_recorded_speech_is_not_taken_for_marked(recordings):
    """Nor is speech that was marked by another key."""
    for recording in recordings:
        assert not detect(recording, 24_000, KEY).marked
        assert not detect(mark(recording, 24_000, "another"), 24_000, KEY).marked


def test_a_mark_is_found_on_both_sides_of_a_cut(recordings):
    """Speech between recordings is found, and where it is."""
    recorded, spoken = np.concatenate(recordings[:3]), mark(recordings[3], 24_000, KEY)
    found = detect(np.concatenate([recorded, spoken[5000:], recorded]), 24_000, KEY)
    assert found.marked
    assert 30 < found.start_s < found.end_s < 50


@pytest.mark.parametrize("samples", [np.zeros(48_000), np.ones(48_000), np.sin(np.arange(48_000))])
def test_what_is_no_speech_is_not_marked(samples):
    """And is no error."""
    assert not detect(samples.astype(np.float32), 16_000, KEY).marked


def test_less_than_a_second_is_refused():
    """Nothing could be said of it."""
    with pytest.raises(AudioError, match=r"0\.50 s, and the mark needs 1 s"):
        detect(np.zeros(8_000, dtype=np.float32), 16_000, KEY)

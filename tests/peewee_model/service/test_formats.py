"""Files of speech: whatever pieces the samples come in, the file holds all of them."""

import io

import av
import numpy as np
import psutil
import pytest
import soundfile

from peewee_model.service.formats import CONTENT_TYPES, PCM_RATE, encoder, wav_header

RATE = 16_000


def chirp(seconds=1.5, rate=RATE):
    """A tone that rises to its end, so that each moment is known by its pitch."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * (300 + 400 * time) * time)).astype(np.float32)


def written(name, samples, n_pieces, whole, rate=RATE):
    file = encoder(name, rate, len(samples) if whole else None)
    return b"".join(file.add(piece) for piece in np.array_split(samples, n_pieces)) + file.end()


def decoded(name, content):
    if name == "pcm":
        return np.frombuffer(content, "<i2") / 32768, PCM_RATE
    with av.open(io.BytesIO(content)) as container:
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
        rate = container.streams.audio[0].rate
    samples = np.concatenate(frames)
    return samples / (32768 if samples.dtype.kind == "i" else 1), rate


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("name", CONTENT_TYPES)
def test_file_holds_the_whole_speech_whatever_pieces_it_comes_in(name, whole):
    """Neither the first sample nor the tail is lost, and there is nothing but the speech."""
    samples = chirp()
    found, rate = decoded(name, written(name, samples, 7, whole))
    lag_s = (len(found) / rate - len(samples) / RATE) if name in ("mp3", "aac") else 0.0
    assert 0.0 <= lag_s < 0.12
    loud = np.flatnonzero(np.abs(found) > 0.1) / rate
    assert loud[-1] - loud[0] == pytest.approx(1.5, abs=0.03)
    tail = found[round((loud[-1] - 0.06) * rate) : round((loud[-1] - 0.01) * rate)]
    pitch = np.sum(np.diff(np.signbit(tail))) / 2 / (len(tail) / rate)
    assert pitch == pytest.approx(300 + 2 * 400 * 1.46, rel=0.05)


@pytest.mark.parametrize("name", ["wav", "pcm", "flac"])
def test_pieces_change_no_sample(name):
    """A stream of one piece and one of many are the same."""
    one, many = (decoded(name, written(name, chirp(), n, False))[0] for n in (1, 9))
    assert np.array_equal(one, many)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
@pytest.mark.parametrize("name", CONTENT_TYPES)
def test_every_rate_of_a_release_is_written(name, rate):
    """A codec that does not have it takes the next higher one."""
    found, found_rate = decoded(name, written(name, chirp(0.5, rate), 2, False, rate))
    assert found_rate == PCM_RATE if name == "pcm" else found_rate >= rate
    assert len(found) / found_rate == pytest.approx(0.5, abs=0.13)


def test_header_of_a_stream_is_valid_and_that_of_a_file_is_exact():
    """libsndfile reads both."""
    samples = chirp()
    whole, stream = written("wav", samples, 3, True), written("wav", samples, 3, False)
    assert whole[:44] == wav_header(RATE, len(samples))
    assert int.from_bytes(whole[4:8], "little") == len(whole) - 8
    for content in (whole, stream):
        found, rate = soundfile.read(io.BytesIO(content), dtype="float32")
        assert rate == RATE
        assert np.abs(found - samples).max() < 1e-4


def test_file_that_is_given_up_frees_its_memory_at_once():
    """FFmpeg's encoders hold a megabyte each, and Python's collector may wait for hundreds of them."""
    samples, memory = chirp(0.2), []
    for count in range(300):
        file = encoder("flac", RATE)
        file.add(samples)
        file.close()
        assert file.add(samples) == b"", "a thread that comes late changes nothing"
        if count in (50, 299):
            memory.append(psutil.Process().memory_info().rss)
    assert memory[1] - memory[0] < 20_000_000

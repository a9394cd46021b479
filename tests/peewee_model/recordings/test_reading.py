import io
import struct

import numpy as np
import pytest
import soundfile

from peewee_model.errors import AudioError
from peewee_model.recordings import reading as module
from peewee_model.recordings.reading import REASONS, read_clip

RATE = 16000


def tone(seconds=1.0, amplitude=0.3, rate=RATE, hz=220.0):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples, rate=RATE, kind="WAV", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def chunk(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def with_size(data, kind, size):
    """Overwrite the size that a chunk states."""
    at = 4 if kind == b"RIFF" else data.index(kind) + 4
    return data[:at] + struct.pack("<I", size) + data[at + 4 :]


def refusal(source, **limits):
    with pytest.raises(AudioError) as caught:
        read_clip(source, **limits)
    assert caught.value.reason in REASONS
    return caught.value.reason


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_16", 5e-5),
        ("WAV", "PCM_24", 1e-6),
        ("WAV", "PCM_U8", 1e-2),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAV", "ULAW", 0.02),
        ("WAVEX", "PCM_16", 5e-5),
        ("RF64", "PCM_16", 5e-5),
        ("AIFF", "PCM_16", 5e-5),
        ("FLAC", "PCM_16", 5e-5),
        ("FLAC", "PCM_24", 1e-6),
        ("OGG", "VORBIS", 0.05),
        ("MP3", "MPEG_LAYER_III", None),
    ],
)
def test_recordings_of_usual_kinds_are_read(kind, subtype, tolerance):
    """By content; lossy ones nearly."""
    clip = read_clip(encoded(tone(), kind=kind, subtype=subtype))
    assert clip.sample_rate == RATE
    assert clip.samples.dtype == np.float32
    assert clip.duration_s == pytest.approx(1.0, abs=0.1)
    if tolerance is not None:
        np.testing.assert_allclose(clip.samples, tone(), atol=tolerance)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 44100, 48000, 96000])
def test_rate_is_the_files_own(rate):
    """Never a default."""
    assert read_clip(encoded(tone(rate=rate), rate)).sample_rate == rate


def test_file_is_read_by_content_whatever_its_name(tmp_path):
    """A FLAC file with the name of a WAV file is a FLAC file."""
    path = tmp_path / "voice.raw"
    path.write_bytes(encoded(tone(), kind="FLAC"))
    np.testing.assert_array_equal(read_clip(path).samples, read_clip(path.read_bytes()).samples)


def test_channels_are_averaged():
    """A stereo recording is as loud as its mono mix."""
    left, right = tone(hz=200.0), tone(hz=310.0)
    clip = read_clip(encoded(np.stack([left, right], axis=1), subtype="FLOAT"))
    np.testing.assert_allclose(clip.samples, (left + right) / 2, atol=1e-7)
    one_sided = read_clip(encoded(np.stack([left, 0 * left], axis=1), subtype="FLOAT"))
    np.testing.assert_allclose(one_sided.samples, left / 2, atol=1e-7)


def test_blocks_leave_no_seam(monkeypatch):
    """A file that is read in blocks gives the samples of one read."""
    whole = read_clip(encoded(tone()))
    monkeypatch.setattr(module, "_READ_FRAMES", 777)
    np.testing.assert_array_equal(read_clip(encoded(tone())).samples, whole.samples)


@pytest.mark.parametrize("kind", ["WAV", "RF64", "AIFF", "FLAC"])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.99])
def test_cut_recording_is_refused(kind, fraction):
    """libsndfile reads the cut WAV without a word."""
    data = encoded(tone(), kind=kind)
    assert refusal(data[: int(fraction * len(data))]) == "truncated"


@pytest.mark.parametrize("n_bytes", [4, 11, 30, 43])
def test_wav_cut_in_its_header_is_refused(n_bytes):
    """There is no sound to read."""
    assert refusal(encoded(tone())[:n_bytes]) == "truncated"


def test_wav_with_a_lying_data_size_is_refused():
    """A size between what is there and what no recorder would write is that of a longer file."""
    assert refusal(with_size(encoded(tone()), b"data", 2**30)) == "truncated"


def test_wav_with_a_lying_riff_size_is_refused():
    """The data do not fit into the whole."""
    assert refusal(with_size(encoded(tone()), b"RIFF", 100)) == "truncated"


def test_wav_with_chunks_around_its_data_is_read():
    """A list before, a tag behind that the RIFF size counts, and one that it does not."""
    data = encoded(tone())
    body = data[12:36] + chunk(b"LIST", b"INFOx") + data[36:] + chunk(b"id3 ", b"tag")
    whole = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body
    for appended in (b"", b"TAG" + 125 * b"\0"):
        np.testing.assert_array_equal(read_clip(whole + appended).samples, read_clip(data).samples)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"not a sound at all" * 100, "unreadable"),
        (b"\0" * 5000, "unreadable"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 500, "unreadable"),
        (encoded(tone(), kind="AU"), "unreadable"),
        (encoded(tone(), kind="FLAC")[:20], "unreadable"),
        (encoded(tone(0.0)), "empty"),
        (encoded(tone()[:1]), "too_short"),
        (encoded(tone(0.005)), "too_short"),
        (encoded(np.zeros(RATE, np.float32)), "silent"),
        (encoded(np.full(RATE, 5e-5, np.float32), subtype="FLOAT"), "silent"),
        (encoded(np.full(RATE, 0.1, np.float32)), "silent"),
        (encoded(tone() + 0.4), "dc_offset"),
        (encoded(np.where(np.arange(RATE) == 9, np.nan, tone()), subtype="FLOAT"), "non_finite"),
        (encoded(np.where(np.arange(RATE) == 9, np.inf, tone()), subtype="FLOAT"), "non_finite"),
        (encoded(np.where(np.arange(RATE) == 9, -np.inf, tone()), subtype="DOUBLE"), "non_finite"),
        (encoded(np.where(np.arange(RATE) == 9, 1e20, tone()), subtype="FLOAT"), "out_of_range"),
        (encoded(np.where(np.arange(RATE) == 9, 1e300, tone().astype(float)), subtype="DOUBLE"), "non_finite"),
        (encoded(tone() * 32768, subtype="FLOAT"), "out_of_range"),
        (encoded(np.clip(tone(amplitude=5.0), -1, 1)), "clipped"),
        (encoded(np.stack([tone(), -tone()], axis=1)), "cancelled"),
        (encoded(np.stack([tone(), -0.95 * tone()], axis=1)), "cancelled"),
        (encoded(np.stack([np.full(RATE, np.nan), tone()], axis=1), subtype="FLOAT"), "non_finite"),
        (encoded(np.zeros((RATE, 2), np.float32)), "silent"),
        (encoded(np.tile(tone()[:, None], (1, 9))), "too_many_channels"),
        (encoded(np.tile(tone(0.1)[:, None], (1, 1024))), "too_many_channels"),
        (encoded(tone(), rate=100), "wrong_rate"),
        (encoded(tone(), rate=10_000_000), "wrong_rate"),
    ],
)
def test_unusable_recording_is_refused_with_its_reason(data, reason):
    """The reason code is what the table of refused files counts."""
    assert refusal(data) == reason


@pytest.mark.parametrize(
    "samples",
    [tone(amplitude=1.0), tone(amplitude=1.2), tone() + 0.2, np.stack([tone(), 0.5 * tone()], axis=1)],
    ids=["full scale", "overshoot", "offset", "unequal channels"],
)
def test_usable_recording_at_an_edge_is_taken(samples):
    """A tone that touches full scale is not clipped; what a lossy codec overshoots is left."""
    assert len(read_clip(encoded(samples, subtype="FLOAT")).samples) == RATE


def test_small_offset_is_removed():
    """It would pass for sound when silence is trimmed."""
    samples = read_clip(encoded(tone() + 0.05, subtype="FLOAT")).samples
    np.testing.assert_allclose(samples, tone(), atol=1e-4)


def test_long_recording_is_refused_before_it_is_decoded(monkeypatch):
    """An hour of silence is 272 kB of FLAC."""
    hour = encoded(np.zeros(3600 * 8000 + 1, np.int16), 8000, "FLAC")
    assert len(hour) < 400_000
    monkeypatch.setattr(module, "_decode", lambda *_: pytest.fail("decoded"))
    assert refusal(hour) == "too_long"
    assert refusal(encoded(tone(1.1)), max_duration_s=1.0) == "too_long"
    monkeypatch.setattr(module, "MAX_VALUES", 1000)
    assert refusal(encoded(tone(1.0))) == "too_long"


def test_flac_that_states_more_than_it_holds_is_refused():
    """STREAMINFO's number of samples, 36 bits, ends 26 bytes in."""
    data = bytearray(encoded(tone(), kind="FLAC"))
    assert int.from_bytes(data[22:26]) == RATE
    data[22:26] = (2 * RATE).to_bytes(4)
    assert refusal(bytes(data)) == "truncated"


def test_paths_that_are_no_files_are_refused(tmp_path):
    """A folder, a missing file and an empty one have their reasons."""
    assert refusal(tmp_path) == "unreadable"
    assert refusal(tmp_path / "missing.wav") == "unreadable"
    (tmp_path / "empty.wav").touch()
    assert refusal(tmp_path / "empty.wav") == "empty"


def test_random_damage_never_gives_unusable_samples():
    """Each damaged file is refused with a reason, or read to finite samples."""
    rng = np.random.default_rng(0)
    sources = [encoded(tone(0.2), kind=kind) for kind in ("WAV", "FLAC", "AIFF")]
    sources.append(encoded(tone(0.2), kind="OGG", subtype="VORBIS"))
    refused = 0
    for turn in range(200):
        data = bytearray(sources[turn % len(sources)])
        for position in rng.integers(0, min(len(data), 200 if turn % 2 else len(data)), size=4):
            data[position] = rng.integers(256)
        try:
            assert np.isfinite(read_clip(bytes(data)).samples).all()
        except AudioError as error:
            assert error.reason in REASONS
            refused += 1
    assert 20 < refused < 200

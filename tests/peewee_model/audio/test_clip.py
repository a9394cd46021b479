import io

import numpy as np
import pytest
import soundfile

from peewee_model.audio.clip import (
    decode_flac,
    encode_flac,
    quantize,
    resample,
    trim_silence,
)
from peewee_model.errors import AudioError

RATE = 16000


def tone(seconds=1.0, amplitude=0.3, rate=RATE, hz=220.0):
    return (amplitude * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples, rate=RATE, kind="WAV", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind, subtype=subtype)
    return buffer.getvalue()


def test_flac_gives_back_its_16_bits():
    """Neither reading nor writing changes a sample."""
    samples = (np.random.default_rng(0).integers(-32768, 32768, 5000) / 32768).astype(np.float32)
    clip = decode_flac(encode_flac(samples, 22050))
    np.testing.assert_array_equal(clip.samples, samples)
    assert clip.sample_rate == 22050
    assert encode_flac(samples, 22050) == encode_flac(clip.samples, 22050)


def test_damaged_flac_of_a_table_is_named():
    """The error says which utterance, not only that a decoder failed."""
    for data in (b"", b"fLaC", encoded(np.stack([tone(), tone()], axis=1), kind="FLAC")):
        with pytest.raises(AudioError) as caught:
            decode_flac(data)
        assert caught.value.reason == "unreadable"


def test_quantize_clips_at_full_scale_and_refuses_nan():
    """A sample beyond 1 must not wrap around to the other sign."""
    found = quantize(np.array([-2, -1, 0, 0.5, 1, 2], np.float32))
    assert found.tolist() == [-32768, -32768, 0, 16384, 32767, 32767]
    with pytest.raises(AudioError, match="NaN"):
        quantize(np.array([np.nan], np.float32))


def test_resampling_keeps_a_tone_and_its_length():
    """At its frequency, without a shift; the same rate gives the same array."""
    samples = tone(rate=24000)
    made = resample(samples, 24000, 16000)
    assert len(made) == 16000
    np.testing.assert_allclose(made[500:-500], tone(rate=16000)[500:-500], atol=1e-3)
    assert resample(samples, 24000, 24000) is samples


@pytest.mark.parametrize("top_db", [20, 40, 60])
@pytest.mark.parametrize("length", [30_000, 30_720, 33_333])
def test_trimming_equals_librosas_rule(top_db, length):
    """Without a margin; a voice that fades in and out over faint noise."""
    import librosa

    rng = np.random.default_rng(length)
    swell = np.exp(-np.square(np.linspace(-4, 4, length)))
    samples = (swell * tone(3.0)[:length] + 1e-5 * rng.standard_normal(length)).astype(np.float32)
    expected, _ = librosa.effects.trim(samples, top_db=top_db)
    found, trimmed_s = trim_silence(samples, RATE, top_db=top_db, margin_s=0)
    np.testing.assert_array_equal(found, expected)
    assert trimmed_s == pytest.approx((length - len(expected)) / RATE)


def test_trimming_leaves_a_margin_where_there_is_one():
    """A soft consonant at the edge stays."""
    samples = np.concatenate([np.zeros(8000, np.float32), tone(), np.zeros(100, np.float32)])
    bare, _ = trim_silence(samples, RATE, top_db=40, margin_s=0)
    found, trimmed_s = trim_silence(samples, RATE, top_db=40, margin_s=0.1)
    assert len(bare) >= RATE
    assert trimmed_s == pytest.approx((8000 + 16000 + 100 - len(found)) / RATE)
    assert len(found) == len(bare) + 1600  # the tail had nothing left to give
    np.testing.assert_array_equal(found[1600:], bare)


def test_trimming_loses_nothing_of_a_recording_without_silence():
    """Where no edge is silent, every sample stays."""
    found, trimmed_s = trim_silence(tone(), RATE, top_db=40, margin_s=0.05)
    np.testing.assert_array_equal(found, tone())
    assert trimmed_s == 0


@pytest.mark.parametrize("samples", [np.zeros(0, np.float32), np.zeros(5000, np.float32)])
def test_trimming_silence_is_an_error(samples):
    """Nothing would be left."""
    with pytest.raises(AudioError) as caught:
        trim_silence(samples, RATE, top_db=40, margin_s=0)
    assert caught.value.reason == "silent"

"""Uploads are decoded in another process, which has limits and is ended."""

import asyncio
import io
import time

import numpy as np
import psutil
import pytest
import soundfile

from peewee_model.errors import AudioError
from peewee_model.recordings.reading import read_clip
from peewee_model.service.decoding import decode
from peewee_model.service.settings import MIB, Limits
from tests.peewee_model.service.running import SAMPLE


def test_samples_are_those_that_are_read_here():
    """Nothing is lost between the processes."""
    samples, rate = asyncio.run(decode(SAMPLE.read_bytes(), Limits()))
    clip = read_clip(SAMPLE)
    assert rate == clip.sample_rate
    assert np.array_equal(samples, clip.samples)


def test_error_of_the_child_has_its_reason():
    """As that of a reference."""
    with pytest.raises(AudioError) as raised:
        asyncio.run(decode(b"nothing", Limits()))
    assert raised.value.reason == "unreadable"
    with pytest.raises(AudioError) as raised:
        asyncio.run(decode(SAMPLE.read_bytes(), Limits(upload_s=1.0)))
    assert raised.value.reason == "too_long"


def test_recording_that_needs_too_much_memory_is_refused():
    """The child dies, and not the server."""
    with pytest.raises(AudioError, match="too much memory or time"):
        asyncio.run(decode(SAMPLE.read_bytes(), Limits(decode_bytes=64 * MIB)))


def test_child_that_takes_too_long_is_killed():
    """No process is left."""
    started = time.monotonic()
    with pytest.raises(AudioError, match="took more than"):
        asyncio.run(decode(SAMPLE.read_bytes(), Limits(decode_s=0.05)))
    assert time.monotonic() - started < 20
    assert not [child for child in psutil.Process().children() if "decoding" in " ".join(child.cmdline())]


def test_high_rate_is_brought_down_in_the_child():
    """The server receives at most 48,000 samples a second."""
    buffer = io.BytesIO()
    tone = np.sin(np.arange(192_000) * 2 * np.pi * 440 / 192_000).astype(np.float32) / 2
    soundfile.write(buffer, tone, 192_000, format="WAV")
    samples, rate = asyncio.run(decode(buffer.getvalue(), Limits()))
    assert (len(samples), rate) == (48_000, 48_000)

"""Encodes speech as it comes: mp3, opus, aac, flac, wav and pcm.

A stream's header can't state a length that nobody knows yet. WAV then has the largest size, as FFmpeg writes it to a
pipe, and FLAC has the size 0, which is its word for "unknown". A file that is made as a whole states its length.
"""

import io
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import soxr

from peewee_model.audio.clip import Float32Array, quantize
from peewee_model.cloning.marks import find_marks
from peewee_model.errors import ConfigError
from peewee_model.marking.credentials import KINDS, sign
from peewee_model.marking.mark import Marker

if TYPE_CHECKING:
    import av

PCM_RATE = 24_000
"""Hz, of OpenAI's pcm: a stream without a header can't say another one."""
CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg; codecs=opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": f"audio/pcm; rate={PCM_RATE}; channels=1",
}
"""By OpenAI's name of a format."""

_UNKNOWN = 0xFFFFFFFF
_CODECS = {
    # codec, container, its options, rates
    "mp3": ("libmp3lame", "mp3", {"write_xing": "0"}, (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
    "opus": ("libopus", "ogg", {"page_duration": "200000"}, (16_000, 24_000, 48_000)),
    "aac": ("aac", "adts", {}, (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)),
    "flac": ("flac", "flac", {}, ()),
}
_BIT_RATES = {"mp3": 96_000, "opus": 48_000, "aac": 96_000}


class Encoder(ABC):
    """Encodes one speech, a piece at a time.

    This is the one place that all samples of the service pass on their way into a file, so they are marked here.

    Args:
        sample_rate: Of the speech, in Hz.
        rate: Of the file, in Hz.
    """

    marker: Marker | None = None
    """Marks the samples as synthetic; None only where the operator switched it off."""

    def __init__(self, sample_rate: int, rate: int) -> None:
        self.rate = rate
        self._resampler = None if rate == sample_rate else soxr.ResampleStream(sample_rate, rate, 1, dtype="float32")

    def add(self, samples: Float32Array) -> bytes:
        """Encode the next samples; what comes out may be of earlier ones. (S,)"""
        marked = samples if self.marker is None else self.marker.add(samples)
        return self._encode(self._resampled(marked, last=False))

    def end(self) -> bytes:
        """Return the rest of the file."""
        rest = np.zeros(0, dtype=np.float32) if self.marker is None else self.marker.end()
        return self._encode(self._resampled(rest, last=True)) + self._finish()

    def close(self) -> None:  # noqa: B027 - most encoders hold nothing
        """Free what the encoder holds, also where nobody waits for the end."""

    def _resampled(self, samples: Float32Array, last: bool) -> Float32Array:
        if self._resampler is None:
            return samples
        return np.asarray(self._resampler.resample_chunk(samples, last=last), dtype=np.float32)

    @abstractmethod
    def _encode(self, samples: Float32Array) -> bytes:
        """Encode samples at the file's rate. (S,)"""

    def _finish(self) -> bytes:
        """Return what the encoder still holds."""
        return b""


class _Pcm(Encoder):
    """16-bit samples, little-endian, with or without a header of WAV."""

    def __init__(self, sample_rate: int, rate: int, header: bytes = b"") -> None:
        super().__init__(sample_rate, rate)
        self._header = header

    def _encode(self, samples: Float32Array) -> bytes:
        header, self._header = self._header, b""
        return header + quantize(samples).astype("<i2").tobytes()


class _Written:
    """What a muxer writes. It can't be sought, so that the muxer writes a stream."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()

    def write(self, data: Any) -> int:
        """Receive bytes."""
        return self._buffer.write(data)

    def take(self) -> bytes:
        """Return what was written since the last call."""
        data = self._buffer.getvalue()
        self._buffer = io.BytesIO()
        return data


class _Av(Encoder):
    """By FFmpeg's libraries."""

    def __init__(self, sample_rate: int, name: str, whole: bool) -> None:
        import av

        codec, container, options, rates = _CODECS[name]
        rate = min((rate for rate in rates if rate >= sample_rate), default=rates[-1]) if rates else sample_rate
        super().__init__(sample_rate, rate)
        self._written: _Written | io.BytesIO = io.BytesIO() if whole else _Written()
        self._container: Any = av.open(self._written, "w", format=container, options={} if whole else options)
        bit_rate: dict[str, Any] = {"bit_rate": _BIT_RATES[name]} if name in _BIT_RATES else {}
        self._stream: Any = self._container.add_stream(codec, rate=rate, layout="mono", **bit_rate)
        self._at, self._closed, self._lock = 0, False, threading.Lock()

    def _encode(self, samples: Float32Array) -> bytes:
        with self._lock:
            if len(samples) and not self._closed:
                self._mux(self._stream.encode(self._frame(samples)))
            return self._written.take() if isinstance(self._written, _Written) else b""

    def _finish(self) -> bytes:
        with self._lock:
            if not self._closed:
                self._mux(self._stream.encode(None))
        self.close()
        return self._written.take() if isinstance(self._written, _Written) else self._written.getvalue()

    def close(self) -> None:
        """Free FFmpeg's memory now: Python alone would do it at some later time.

        A client that leaves may be noticed while another thread encodes for it, so there is a lock.
        """
        with self._lock:
            if not self._closed:
                self._closed = True
                self._container.close()

    def _frame(self, samples: Float32Array) -> "av.AudioFrame":
        import av

        frame = av.AudioFrame.from_ndarray(quantize(samples)[np.newaxis], format="s16", layout="mono")
        frame.sample_rate, frame.pts = self.rate, self._at
        self._at += len(samples)
        return frame

    def _mux(self, packets: Iterable[Any]) -> None:
        for packet in packets:
            self._container.mux(packet)


def encoder(name: str, sample_rate: int, n_samples: int | None = None, mark_key: str | None = None) -> Encoder:
    """Begin a file.

    Args:
        name: Of `CONTENT_TYPES`.
        sample_rate: Of the speech, in Hz.
        n_samples: Of the whole speech; None for a stream, whose length is not known.
        mark_key: The key of the mark in its samples; None for no mark.
    """
    file = _begun(name, sample_rate, n_samples)
    file.marker = None if mark_key is None else Marker(sample_rate, mark_key)
    return file


def with_credentials(content: bytes, name: str) -> bytes:
    """Add Content Credentials to a whole file, if its kind can hold them."""
    ending = f".{name}"
    return sign(content, ending) if ending in KINDS else content


def check_marks(mark_key: str) -> None:
    """Mark, sign and find again what was marked: a server that can't do it does not start.

    Raises:
        ConfigError: If it can't, with the remedy.
    """
    noise = np.random.default_rng(0).normal(scale=0.1, size=4 * PCM_RATE).astype(np.float32)
    file = encoder("wav", PCM_RATE, len(noise), mark_key)
    content = with_credentials(file.add(noise) + file.end(), "wav")
    marks = find_marks(content, "the server's test", mark_key)
    if not (marks.mark.marked and marks.credentials and marks.credentials.intact):
        raise ConfigError(
            f"this server can't mark what it says as synthetic ({marks.sentence()}); install peewee-tts anew, or start "
            "it with --no-mark"
        )


def _begun(name: str, sample_rate: int, n_samples: int | None) -> Encoder:
    if name == "pcm":
        return _Pcm(sample_rate, PCM_RATE)
    if name == "wav":
        return _Pcm(sample_rate, sample_rate, wav_header(sample_rate, n_samples))
    return _Av(sample_rate, name, n_samples is not None)


def wav_header(rate: int, n_samples: int | None) -> bytes:
    """Write the header of a WAV of one channel of 16 bits; None if its length is not known."""
    size = _UNKNOWN if n_samples is None else 2 * n_samples
    riff = _UNKNOWN if n_samples is None else size + 36
    layout = struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + layout
        + b"data"
        + struct.pack("<I", size)
    )

"""How speech is delivered: its loudness, and a file of sound in the format that its name asks for."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from peewee_model import environment
from peewee_model.errors import ConfigError

if TYPE_CHECKING:  # the command line asks for the formats, and must start soon
    from peewee_model.audio.clip import Float32Array

LOUDNESS_LUFS = -23.0
"""Of every sentence, unless the caller says otherwise: EBU R 128's."""
FORMATS = {
    ".wav": ("WAV", "PCM_16"),
    ".flac": ("FLAC", "PCM_16"),
    ".mp3": ("MP3", "MPEG_LAYER_III"),
    ".ogg": ("OGG", "VORBIS"),
    ".opus": ("OGG", "OPUS"),
}
"""By the ending of a file's name: libsndfile's format and its encoding."""
READ_KINDS = "wav, flac, mp3, ogg, opus, aiff; m4a, mp4, aac, webm with the extra m4a"
"""What a reference may be: the first by libsndfile, the others by PyAV."""

_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def format_of(path: Path) -> str:
    """Return the key of `FORMATS` that a file's name asks for; WAV for a device, such as /dev/null.

    Raises:
        ConfigError: If no format has this ending; names those that are written.
    """
    if path.is_char_device() or path.is_fifo():
        return ".wav"
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise ConfigError(f"{path}: {ending or 'no ending'} is no format that is written; use one of {known()}")
    return ending


def known() -> str:
    """List the endings of the formats that are written."""
    return ", ".join(FORMATS)


def encode(samples: "Float32Array", sample_rate: int, ending: str) -> bytes:
    """Write one channel in a format; at the next higher rate that it has, where it does not have this one.

    Args:
        samples: Full scale is 1. (S,)
        sample_rate: Hz.
        ending: Of `FORMATS`.

    Raises:
        AudioError: If a sample is not finite.
    """
    import soundfile

    from peewee_model.audio.clip import quantize, resample

    kind, encoding = FORMATS[ending]
    rates = {"OPUS": _OPUS_RATES, "MPEG_LAYER_III": _MP3_RATES}.get(encoding, (sample_rate,))
    rate = min((rate for rate in rates if rate >= sample_rate), default=rates[-1])
    buffer = io.BytesIO()
    soundfile.write(buffer, quantize(resample(samples, sample_rate, rate)), rate, format=kind, subtype=encoding)
    return buffer.getvalue()


def encode_marked(samples: "Float32Array", sample_rate: int, ending: str) -> bytes:
    """Write one channel as `encode` does, marked as synthetic: in its samples, and by Content Credentials.

    Args:
        samples: Full scale is 1. (S,)
        sample_rate: Hz.
        ending: Of `FORMATS`. Ogg has no place for Content Credentials.

    Raises:
        AudioError: If a sample is not finite.
        ConfigError: If the operator's certificates can't be used.
    """
    from peewee_model.marking.credentials import KINDS, sign
    from peewee_model.marking.mark import mark

    content = encode(mark(samples, sample_rate, environment.MARK_KEY.text()), sample_rate, ending)
    return sign(content, ending) if ending in KINDS else content

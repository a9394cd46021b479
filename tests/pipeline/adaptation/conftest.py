"""Recordings of one made-up person, as people have them in a folder."""

import io
import wave

import numpy as np
import pytest

TEXTS = (
    "The river runs below the old bridge.", "We walked home through the rain.", "Nobody had seen the letter.",
    "A small boat lay on the sand.", "He opened the window and listened.", "Bring the lamp into the kitchen.",
    "She counted every step aloud.", "They waited until the train was gone.", "The garden is full of apples.",
    "My brother plays the violin badly.", "Keep the door closed at night.", "The market opens at seven.",
)  # fmt: skip


def recording(seconds, pitch=120.0, rate=16000):
    """A WAV file: harmonics under an envelope of syllables."""
    t = np.arange(int(seconds * rate)) / rate
    signal = sum(np.sin(2 * np.pi * k * pitch * t) / k for k in range(1, 12))
    samples = (3000 * (0.6 + 0.4 * np.sin(9 * t)) * signal).astype("<i2")
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


@pytest.fixture
def folder(tmp_path):
    """`folder(n, seconds)` makes a folder of recordings with a text beside each, and the current folder a project."""

    def make(n=12, seconds=6.0):
        made = tmp_path / "me"
        made.mkdir()
        for number in range(n):
            (made / f"take{number:02d}.wav").write_bytes(recording(seconds, 100 + number))
            (made / f"take{number:02d}.txt").write_text(TEXTS[number % len(TEXTS)])
        return made

    return make

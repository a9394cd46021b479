"""A long recording of one person out of recorded speech, with pauses, and noise, music and others between."""

import io
import tarfile
from dataclasses import dataclass

import numpy as np
import soundfile

from peewee_model.audio.clip import resample
from peewee_model.recordings.reading import read_clip

RATE = 24_000


@dataclass(frozen=True)
class Part:
    """What is from when to when in a recording."""

    kind: str
    start_s: float
    end_s: float
    text: str


def utterances(archive, n_utterances, at_least_s=2.0):
    """Recordings of an archive in LibriTTS's layout, with their texts."""
    sounds, texts = {}, {}
    with tarfile.open(archive) as tar:
        for member in tar:
            name, _, end = member.name.rpartition("/")[2].partition(".")
            if end == "normalized.txt":
                texts[name] = tar.extractfile(member).read().decode().strip()
            elif end in ("wav", "flac"):
                sounds[name] = tar.extractfile(member).read()
    found = []
    for name in sorted(sounds.keys() & texts.keys()):
        clip = read_clip(sounds[name])
        if clip.duration_s >= at_least_s:
            found.append((resample(clip.samples, clip.sample_rate, RATE), texts[name]))
        if len(found) == n_utterances:
            return found
    return found


def music(seconds):
    """Chords with a beat, as loud as speech."""
    time = np.arange(round(seconds * RATE)) / RATE
    chords = [(220, 277, 330), (196, 247, 294), (175, 220, 262), (196, 247, 294)]
    place = (time // 0.5).astype(int) % len(chords)
    tones = sum(np.sin(2 * np.pi * np.array(chords)[place, voice] * time) for voice in range(3))
    return (0.04 * tones * np.exp(-3 * (time % 0.5))).astype(np.float32)


def long_recording(shared_data, n_utterances):
    """Join utterances of Kathleen with pauses, and put something else in after every fifth.

    Returns:
        Samples (S,) at `RATE`, and the parts.
    """
    rng = np.random.default_rng(0)
    own = utterances(shared_data / "kathleen" / "train-clean.tar.gz", n_utterances)
    others = utterances(shared_data / "libritts-human" / "dev-clean.tar.gz", 20, 3.0)
    pieces, parts, at = [], [], 0

    def add(kind, samples, text=""):
        nonlocal at
        pieces.append(samples)
        parts.append(Part(kind, at / RATE, (at + len(samples)) / RATE, text))
        at += len(samples)

    def pause():
        add("pause", rng.normal(scale=1e-4, size=round(rng.uniform(0.4, 2.0) * RATE)).astype(np.float32))

    for number, (samples, text) in enumerate(own, 1):
        pause()
        add("own", samples, text)
        if number % 5 == 0:
            pause()
            kind = ("other", "music", "noise")[number // 5 % 3]
            if kind == "other":
                add(kind, others[number // 15 % len(others)][0])
            else:
                add(kind, music(5) if kind == "music" else rng.normal(scale=0.05, size=4 * RATE).astype(np.float32))
    pause()
    return np.concatenate(pieces), parts


def as_file(path, samples):
    """Write a recording; its kind is that of the name."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format=path.suffix[1:].upper())
    path.write_bytes(buffer.getvalue())
    return path

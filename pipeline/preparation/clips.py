"""The clips of all recordings: what was measured of each, and why one is dropped."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array
from peewee_model.errors import AudioError
from peewee_model.files import write_whole
from pipeline.preparation.cutting import Span, frame_levels, speech_in
from pipeline.preparation.sound import Sound

REASONS = {
    "no_words": "nothing was recognised: music, noise, breath",
    "clipped": "samples are flat at full scale",
    "noisy": "pauses are nearly as loud as the speech",
    "other_voice": "another voice than that of most clips",
    "cer": "what was recognised differs from the given text",
    "by_hand": "dropped by hand",
}
"""Why a clip is dropped, for people."""
FULL_SCALE = 0.985


@dataclass(frozen=True)
class Limits:
    """What a clip must be."""

    shortest_s: float = 1.0
    longest_s: float = 15.0
    contrast_db: float = 15.0
    """Between loud and quiet moments of a clip."""
    clipped: float = 0.001
    """Share of samples at full scale."""
    cer: float = 0.3


@dataclass(frozen=True)
class Clip:
    """What was measured of a clip."""

    recording: str
    """The recording's key."""
    start_s: float
    end_s: float
    recognized: str
    contrast_db: float
    clipped: float
    voice: tuple[float, ...]
    """Its embedding; empty if it has no speech for the encoder."""

    @property
    def span(self) -> Span:
        """Where it is in its recording."""
        return Span(self.start_s, self.end_s)


class Listener(Protocol):
    """Recognises, and hears whose voice it is."""

    def recognize(self, samples: Float32Array, sample_rate: int) -> str:
        """Return the text of an utterance. (S,)."""
        ...

    def embed(self, samples: Float32Array, sample_rate: int) -> Float32Array:
        """Return the voice, of length 1. (S,) -> (E,)."""
        ...


class Journal:
    """Measured clips, a line of JSON each, so that a run that was stopped goes on where it was.

    Args:
        path: Of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: dict[tuple[str, float, float], Clip] = {}
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
            try:
                record: dict[str, Any] = json.loads(line)
            except json.JSONDecodeError:  # the last line of a run that was killed
                continue
            clip = Clip(**(record | {"voice": tuple(record["voice"])}))
            self._known[clip.recording, clip.start_s, clip.end_s] = clip

    def speech(self, sound: Sound) -> list[Span]:
        """Find the speech of a recording, unless that was done before."""
        path = self._path.parent / f"{sound.key}.speech.json"
        if not path.exists():
            spans = [[round(span.start_s, 3), round(span.end_s, 3)] for span in speech_in(sound)]
            write_whole(path, json.dumps(spans))
        return [Span(*pair) for pair in json.loads(path.read_text(encoding="utf-8"))]

    def find(self, recording: str, span: Span) -> Clip | None:
        """Return what was measured of a clip."""
        return self._known.get((recording, span.start_s, span.end_s))

    def add(self, clip: Clip) -> None:
        """Write a clip."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(clip)) + "\n")


def measured(sound: Sound, span: Span, journal: Journal, listener: Listener) -> Clip:
    """Measure a clip, unless that was done before."""
    clip = journal.find(sound.key, span)
    if clip is None:
        clip = _measured(sound, span, listener)
        journal.add(clip)
    return clip


def _measured(sound: Sound, span: Span, listener: Listener) -> Clip:
    samples = sound.part(span.start_s, span.end_s)
    around = sound.part(max(0.0, span.start_s - 0.3), span.end_s + 0.3)
    quiet, loud = np.percentile(frame_levels(around, sound.rate), [5, 95])
    try:
        voice = tuple(round(float(value), 5) for value in listener.embed(samples, sound.rate))
    except AudioError:  # noise, a tone, or too little
        voice = ()
    return Clip(
        recording=sound.key,
        start_s=span.start_s,
        end_s=span.end_s,
        recognized=listener.recognize(samples, sound.rate),
        contrast_db=round(float(loud - quiet), 1),
        clipped=round(float(np.mean(np.abs(samples) >= FULL_SCALE)), 6),
        voice=voice,
    )


def likeness(clips: Sequence[Clip]) -> list[float]:
    """How like the main voice each clip is: the cosine with the voice that most speech has; -1 without a voice."""
    known = [clip for clip in clips if clip.voice]
    if not known:
        return [-1.0] * len(clips)
    voices = np.array([clip.voice for clip in known])
    weights = np.array([clip.end_s - clip.start_s for clip in known])
    main = _centre(voices, weights)
    return [float(np.dot(clip.voice, main)) if clip.voice else -1.0 for clip in clips]


def _centre(voices: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The mean of the larger of two groups, if there are two, by their seconds. (N, E) -> (E,)."""
    seed = int(np.argmax((voices @ voices.T) @ weights))  # the clip that most of the speech is like
    main = voices[seed]
    for _ in range(10):
        cosines = voices @ main
        near = cosines >= np.median(cosines)
        mean = (voices[near] * weights[near, None]).sum(axis=0)
        main = mean / np.linalg.norm(mean)
    return np.asarray(main)


def reason_of(clip: Clip, like: float, cer: float | None, one_voice: float, limits: Limits) -> str | None:
    """Say why a clip is dropped; None if it is kept."""
    if not any(character.isalnum() for character in clip.recognized):
        return "no_words"
    if clip.clipped > limits.clipped:
        return "clipped"
    if clip.contrast_db < limits.contrast_db:
        return "noisy"
    if like < one_voice:
        return "other_voice"
    if cer is not None and cer > limits.cer:
        return "cer"
    return None

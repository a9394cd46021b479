"""The voice of a release, as the service uses it. All that it needs of `cloning` is used here, and nowhere else."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor

from peewee_model import environment
from peewee_model.cloning.cloner import MAX_STRETCH, VoiceCloner
from peewee_model.cloning.joining import Joined, Joiner
from peewee_model.cloning.lines import Lines
from peewee_model.cloning.matching import VoiceMatch
from peewee_model.cloning.reference import hear_reference
from peewee_model.cloning.sound_file import LOUDNESS_LUFS
from peewee_model.cloning.sources import Recording, Reference
from peewee_model.cloning.speaking import Line, Spoken, Voice
from peewee_model.cloning.speech import Speech
from peewee_model.errors import ConfigError
from peewee_model.release.manifest import Manifest, read_manifest
from peewee_model.script.lexicon import Lexicon
from peewee_model.script.pauses import LONGEST_S, PAUSES, Pauses
from peewee_model.store.store import Store

VoiceTensors: TypeAlias = dict[str, Tensor]
"""What a voice is to a release, by name, as it is stored: `EMBEDDING`, and what later networks need beside it."""

EMBEDDING = "embedding"
SPEEDS = (0.25, 4.0)


@dataclass(frozen=True)
class NewVoice:
    """A voice of recordings."""

    tensors: VoiceTensors
    doubts: tuple[str, ...]
    """Why the voice may not be like its speaker."""


class Engine(VoiceCloner):
    """A loaded release."""

    version: str
    """Of the release."""
    encoder_version: str
    """Releases of one encoder have the same: a voice that was embedded for one is good for the other."""
    match_version: str
    """Of all its networks: what a voice was matched by is of no use to others."""

    @classmethod
    def fetch(cls, store: Store, version: str, device: str) -> "Engine":
        """Load a release of a store, verified before any tensor is read.

        Raises:
            ReleaseError: If it can't be found, or a file differs from the manifest.
            ConfigError: If the device can't be used.
        """
        folder, version = store.fetch(version, environment.PUBLIC_KEY.path())
        engine = cls._from_verified(folder, device, None, LOUDNESS_LUFS)
        assert isinstance(engine, cls)
        manifest = read_manifest(folder)[0]
        engine.version = version
        engine.encoder_version = _version_of(manifest, "encoder")
        engine.match_version = _version_of(manifest, "encoder", "synthesizer", "vocoder")
        return engine

    def lines_of(self, text: str, seed: int, lexicon: Lexicon, speed: float) -> Lines:
        """Write what is spoken for a text.

        Raises:
            TextError: If it can't be spoken.
            ConfigError: If the network can't change its pace, or reads no phonemes.
        """
        if speed != 1.0 and not self._speaker.takes_pace:
            raise ConfigError(
                f"the speed is {speed:g}, and release {self.version} has an attentive network, whose pace can't be "
                "changed; leave the speed out"
            )
        lines = self._lines(text, seed, lexicon, _paced(PAUSES, speed))
        return replace(lines, lines=tuple(replace(line, pace=speed) for line in lines.lines))

    def say(self, text: str, reference: Reference, seed: int, speed: float) -> Speech:
        """Say a text in the voice of a reference: `clone`, at a speed.

        Raises:
            TextError: As `clone`.
            AudioError: As `clone`.
            ConfigError: As `clone`, or if the network can't change its pace as asked.
        """
        slowest, fastest = SPEEDS
        if not slowest <= speed <= fastest:
            raise ConfigError(f"the speed is {speed:g}; it can be from {slowest:g} to {fastest:g}")
        lines = self.lines_of(text, seed, Lexicon.of(None), speed)
        return self._clone([lines], [self._voice(reference)], seed)[0]

    def speak(self, lines: Sequence[Line], voices: Sequence[VoiceTensors], varied: bool) -> list[Spoken]:
        """Say sentences, each in its voice; `varied` if their seeds change the timing."""
        return self._speaker.speak(lines, [self._of(voice) for voice in voices], MAX_STRETCH if varied else 0.0)

    def joiner(self) -> Joiner:
        """Begin a speech that is streamed."""
        return Joiner(self.sample_rate, self._loudness_lufs)

    def voice(self, recordings: Sequence[Recording]) -> NewVoice:
        """Embed a voice.

        Raises:
            AudioError: If a recording can't be used.
        """
        heard = hear_reference(self._encoder, recordings, self._one_voice)
        match = self._speaker.match(heard.embedding, heard.recordings)
        tensors = {EMBEDDING: heard.embedding}
        if match is not None:
            tensors |= {f"{self.match_version}.{one.name}": getattr(match, one.name) for one in fields(VoiceMatch)}
        return NewVoice({name: value.cpu().contiguous() for name, value in tensors.items()}, heard.figures.doubts)

    def _of(self, voice: VoiceTensors) -> Voice:
        """The voice as the networks take it. What another release's networks were matched by is of no use to these."""
        device = next(self._encoder.parameters()).device
        names = {one.name: f"{self.match_version}.{one.name}" for one in fields(VoiceMatch)}
        known = set(names.values()) <= voice.keys()
        match = VoiceMatch(**{field: voice[name].to(device) for field, name in names.items()}) if known else None
        return Voice(voice[EMBEDDING].to(device), match)

    def likeness(self, voice: VoiceTensors, other: VoiceTensors) -> float:
        """Compare two voices: the cosine of their embeddings."""
        return float(torch.dot(voice[EMBEDDING].float(), other[EMBEDDING].float()))


def words_of(line: Line, spoken: Spoken, joined: Joined, rate: int) -> list[tuple[str, float, float]]:
    """Find when each word of a sentence is said, in seconds of what `joined` adds.

    The words are those that are spoken: numbers are written out. Tokens are divided between words by the share that
    the words have in them, where espeak-ng joins two words to one.
    """
    words = [word.strip("{},.;:!?") for word in line.text.split()]
    words = [word for word in words if word]
    said = np.maximum.accumulate(spoken.alignment.argmax(axis=1))  # the token of each step
    n_tokens = len(line.tokens)
    groups = _groups(line, words, n_tokens)
    found = []
    for word, (start, end) in zip(words, groups, strict=True):
        steps = np.searchsorted(said, [start, end])
        begin, stop = (_place(int(step) * spoken.samples_per_step, joined) / rate for step in steps)
        found.append((word, round(begin, 3), round(max(begin, stop), 3)))
    return found


def _groups(line: Line, words: Sequence[str], n_tokens: int) -> list[tuple[int, int]]:
    """The first token of each word, and the one behind its last."""
    space = 1  # of both sets of symbols, behind the padding
    groups, start = [], 0
    for place, token in enumerate([*line.tokens, space]):
        if token == space:
            if place > start:
                groups.append((start, place))
            start = place + 1
    if len(groups) == len(words):
        return groups
    ends = np.cumsum([0, *(len(word) for word in words)]) * n_tokens // max(1, sum(map(len, words)))
    return [(int(a), int(b)) for a, b in pairwise(ends)]


def _place(sample: int, joined: Joined) -> int:
    """Where a sample of a sentence is in what was joined; the nearest, where a pause was cut out."""
    for start, end, at in joined.places:
        if sample <= end:
            return at + max(0, sample - start)
    start, end, at = joined.places[-1]
    return at + end - start


def _paced(pauses: Pauses, speed: float) -> Pauses:
    return Pauses(**{one.name: min(LONGEST_S, getattr(pauses, one.name) / speed) for one in fields(pauses)})


def _version_of(manifest: Manifest, *models: str) -> str:
    """Name models by their files."""
    files = sorted((name, one.sha256) for name, one in manifest.files.items() if name.partition("/")[0] in models)
    return hashlib.sha256(repr(files).encode()).hexdigest()[:16]

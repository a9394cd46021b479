"""Joins the sentences of a text to one speech, with its pauses: faint noise, faded in and out.

A pause is as long as it should be from where the sound ends to where it begins again. The synthesizer says a sentence
as a whole, so that its melody goes on; a pause within it is then made where its alignment has the mark.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from peewee_model.audio.loudness import level
from peewee_model.cloning.reference import MARGIN_S, SILENCE_DB
from peewee_model.cloning.speaking import Line, Spoken

Float32Array = NDArray[np.float32]

FLOOR_DBFS = (-80.0, -60.0)
"""The least and the highest level of the noise in a pause: audible as "still there" at most, and above digital zero."""

_HOP_S, _FRAME_S = 0.0025, 0.01  # of the levels that separate sound from silence
_BELOW_SOUND_DB = 10.0  # the noise, so that it never passes for sound
_SOUND_DBFS = -80.0  # nothing below is sound
_REACH_S = 0.15  # how far from its mark a pause of the synthesizer's own is looked for
_SHORTEST_SILENCE_S = 0.02
_TAIL_S = 0.03  # of what fades away behind sound, and of what comes before it
_FADE_S = 0.005  # where there is sound at a cut
_QUIET_SHARE = 5.0  # percent of a sentence's frames that are taken for its silence


@dataclass(frozen=True)
class _Part:
    """Sound between two pauses."""

    samples: Float32Array
    """Those of the whole sentence."""
    start: int
    end: int
    """Where its sound begins and ends."""
    head: int
    tail: int
    """How many samples before and behind fade in and out."""
    pause_s: float
    """Before it."""


def join(
    lines: Sequence[Line], spoken: Sequence[Spoken], sample_rate: int, loudness_lufs: float, after_s: float = 0.0
) -> Float32Array:
    """Join what is spoken.

    Args:
        lines: The sentences.
        spoken: The speech of each.
        sample_rate: Hz.
        loudness_lufs: Of each sentence.
        after_s: Seconds of silence at the end.

    Returns:
        The same samples for the same lines and speech. (S,)
    """
    trimmed = [_trimmed(one.samples, sample_rate) for one in spoken]
    sentences = [level(samples, sample_rate, loudness_lufs) for _, samples in trimmed]
    sound = _sound_level(np.concatenate(sentences), sample_rate)
    parts = [
        part
        for line, one, (first, _), samples in zip(lines, spoken, trimmed, sentences, strict=True)
        for part in _parts(line, one, first, samples, sample_rate, sound)
    ]
    floor = _floor(sentences, sample_rate, sound)
    noises = np.random.default_rng(lines[0].seed)
    joined: list[Float32Array] = []
    for before, part in zip([None, *parts[:-1]], parts, strict=True):
        joined += [_pause(before, part, round(part.pause_s * sample_rate), floor, noises)]
        joined += [part.samples[part.start : part.end]]
    joined += [_pause(parts[-1], None, round(after_s * sample_rate), floor, noises)]
    return np.concatenate(joined)


@dataclass(frozen=True)
class Joined:
    """A sentence as a part of a stream."""

    samples: Float32Array
    """What comes next. (S,)"""
    places: tuple[tuple[int, int, int], ...]
    """Samples of the sentence as it was spoken, from and to, and where in `samples` they begin."""


class Joiner:
    """Joins sentences as they come, for a stream: one sentence alone is as `join` has it.

    `join` knows all sentences. Here the first sentence decides how loud the noise in the pauses is, and the sentences
    so far decide what is sound.

    Args:
        sample_rate: Hz.
        loudness_lufs: Of each sentence.
    """

    def __init__(self, sample_rate: int, loudness_lufs: float) -> None:
        self._rate, self._loudness_lufs = sample_rate, loudness_lufs
        self._noises: np.random.Generator | None = None
        self._sound, self._floor = -np.inf, 0.0
        self._last: _Part | None = None

    def add(self, line: Line, spoken: Spoken) -> Joined:
        """Return what a sentence adds: the pause before it, and its sound up to its last."""
        first, trimmed = _trimmed(spoken.samples, self._rate)
        sentence = level(trimmed, self._rate, self._loudness_lufs)
        self._sound = max(self._sound, _sound_level(sentence, self._rate))
        if self._noises is None:
            self._noises = np.random.default_rng(line.seed)
            self._floor = _floor([sentence], self._rate, self._sound)
        pieces: list[Float32Array] = []
        places, at = [], 0
        for part in _parts(line, spoken, first, sentence, self._rate, self._sound):
            pause = _pause(self._last, part, round(part.pause_s * self._rate), self._floor, self._noises)
            pieces += [pause, part.samples[part.start : part.end]]
            places.append((first + part.start, first + part.end, at + len(pause)))
            at += len(pause) + part.end - part.start
            self._last = part
        return Joined(np.concatenate(pieces), tuple(places))

    def end(self, after_s: float) -> Float32Array:
        """Return the end of the last sentence, and seconds of silence."""
        if self._last is None or self._noises is None:
            return _NOTHING
        return _pause(self._last, None, round(after_s * self._rate), self._floor, self._noises)


def _trimmed(samples: Float32Array, sample_rate: int) -> tuple[int, Float32Array]:
    """Cut off the silence around a sentence but for a margin. Returns where the rest begins, and the rest."""
    margin = round(MARGIN_S * sample_rate)
    start, end = _edges(samples, sample_rate, _sound_level(samples, sample_rate))
    first = max(0, start - margin)
    return first, samples[first : end + margin]


def _parts(
    line: Line, spoken: Spoken, first: int, levelled: Float32Array, sample_rate: int, sound: float
) -> Iterator[_Part]:
    """Cut a sentence at its pauses."""
    margin, tail, fade = (round(seconds * sample_rate) for seconds in (MARGIN_S, _TAIL_S, _FADE_S))
    samples, ramp = levelled.copy(), _ramp(min(fade, len(levelled)))
    samples[: len(ramp)] *= ramp
    samples[len(samples) - len(ramp) :] *= ramp[::-1]
    at, end = _edges(samples, sample_rate, sound)
    head, pause_s = min(at, margin), line.before_s
    for silence, silence_end, within_s in _cuts(line, spoken, first, samples, sample_rate, sound):
        if at < silence and silence_end < end:
            reach = min(tail, silence_end - silence) if silence_end > silence else fade
            yield _Part(samples, at, silence, head, reach, pause_s)
            at, head, pause_s = silence_end, reach, within_s
    yield _Part(samples, at, end, head, min(len(samples) - end, margin), pause_s)


def _cuts(
    line: Line, spoken: Spoken, first: int, samples: Float32Array, sample_rate: int, sound: float
) -> list[tuple[int, int, float]]:
    """Find where a sentence's pauses are: the beginning and the end of silence, and the seconds that it should have."""
    if not line.pauses or not len(samples):
        return []
    said = np.maximum.accumulate(spoken.alignment.argmax(axis=1))  # the token of each step
    found: dict[tuple[int, int], float] = {}
    for token, seconds in line.pauses:
        steps = [int(np.searchsorted(said, one)) for one in (token, token + 2)]  # the mark, and the space behind it
        if steps[0] < len(said):  # else the network was cut off before the mark
            mark = [step * spoken.samples_per_step - first for step in steps]
            cut = _silence(samples, mark, sample_rate, sound)
            found[cut] = max(seconds, found.get(cut, 0.0))
    return [(*cut, seconds) for cut, seconds in sorted(found.items())]


def _silence(samples: Float32Array, mark: Sequence[int], sample_rate: int, sound: float) -> tuple[int, int]:
    """The longest silence at a mark; where there is none, the quietest place, twice."""
    levels = _levels(samples, sample_rate)
    hop, reach = round(_HOP_S * sample_rate), round(_REACH_S * sample_rate)
    changes = _runs(~_is_sound(levels, sound)) * hop
    near = [
        (int(start), int(end))
        for start, end in changes
        if end > mark[0] - reach and start < mark[1] + reach and end - start >= _SHORTEST_SILENCE_S * sample_rate
    ]
    if near:
        return max(near, key=lambda silence: silence[1] - silence[0])
    low, high = (min(max(0, place // hop), len(levels) - 1) for place in mark)
    quietest = (low + int(levels[low : high + 1].argmin())) * hop
    return quietest, quietest


def _pause(
    before: _Part | None, after: _Part | None, n_samples: int, floor: float, noises: np.random.Generator
) -> Float32Array:
    """What is between two parts: noise, the first part's end and the second's beginning fading away in it."""
    tail = before.samples[before.end : before.end + before.tail] if before else _NOTHING
    head = after.samples[after.start - after.head : after.start] if after else _NOTHING
    if n_samples == 0 and not (before and after):
        return tail if before else head  # the edges of the speech stay as they are
    n_samples = max(n_samples, 2 * min(len(tail), len(head), 64))
    tail, head = tail[: n_samples // 2], head[len(head) - min(len(head), n_samples // 2) :]
    pause = _noise(n_samples, noises) * np.float32(floor)
    for sound, place in (
        (tail, slice(0, len(tail))),
        (head[::-1], slice(n_samples - 1, n_samples - 1 - len(head), -1)),
    ):
        fading = _ramp(len(sound))[::-1]
        pause[place] = pause[place] * (1 - fading) + sound * fading
    return pause


_NOTHING = np.zeros(0, dtype=np.float32)


def _ramp(n_samples: int) -> Float32Array:
    """Half a cosine, from 0 to 1."""
    return ((1 - np.cos(np.pi * (np.arange(n_samples) + 0.5) / max(1, n_samples))) / 2).astype(np.float32)


def _noise(n_samples: int, noises: np.random.Generator) -> Float32Array:
    """Noise that falls by 3 dB an octave, as that of rooms does; its mean square is 1."""
    if not n_samples:
        return _NOTHING
    spectrum = np.fft.rfft(noises.standard_normal(n_samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), max(1, len(spectrum) // 100)))
    noise = np.fft.irfft(spectrum, n_samples)
    return (noise / max(float(np.sqrt(np.mean(np.square(noise)))), 1e-9)).astype(np.float32)


def _floor(sentences: Sequence[Float32Array], sample_rate: int, sound: float) -> float:
    """The level of the noise: that of the voice's own quietest moments, within `FLOOR_DBFS`, and never sound."""
    quiet = [np.percentile(_levels(samples, sample_rate), _QUIET_SHARE) for samples in sentences if len(samples)]
    low, high = FLOOR_DBFS
    level_db = min(np.clip(np.median(quiet) if quiet else low, low, high), sound - _BELOW_SOUND_DB)
    return float(10 ** (level_db / 20))


def _levels(samples: Float32Array, sample_rate: int) -> NDArray[np.float64]:
    """Level of the frame around the beginning of each hop, in dB of full scale. (N,)"""
    hop, per_frame = round(_HOP_S * sample_rate), round(_FRAME_S / _HOP_S)
    n_hops = -(-len(samples) // hop)
    padded = np.zeros((n_hops + per_frame) * hop)
    padded[per_frame // 2 * hop : per_frame // 2 * hop + len(samples)] = samples
    power = np.square(padded).reshape(-1, hop).mean(axis=1)
    frames = np.convolve(power, np.full(per_frame, 1 / per_frame), mode="valid")[:n_hops]
    return np.asarray(10 * np.log10(np.maximum(frames, 1e-12)))


def _sound_level(samples: Float32Array, sample_rate: int) -> float:
    """The level above which there is sound: `SILENCE_DB` below the loudest frame, in dB of full scale."""
    loudest = _levels(samples, sample_rate).max(initial=_SOUND_DBFS)
    return max(float(loudest) - SILENCE_DB, _SOUND_DBFS)


def _is_sound(levels: NDArray[np.float64], sound: float) -> NDArray[np.bool_]:
    """Whether there is sound in each hop. What is shorter than a frame is noise above the level by chance. (N,)"""
    loud = levels > sound
    for start, end in _runs(loud):
        if end - start < _FRAME_S / _HOP_S:
            loud[start:end] = False
    return loud


def _runs(values: NDArray[np.bool_]) -> NDArray[np.int_]:
    """Where each run of true values begins and ends. (N, 2)"""
    return np.flatnonzero(np.diff(np.concatenate([[False], values, [False]]).astype(np.int8))).reshape(-1, 2)


def _edges(samples: Float32Array, sample_rate: int, sound: float) -> tuple[int, int]:
    """Where sound begins and ends; everything, where there is none."""
    loud = np.flatnonzero(_is_sound(_levels(samples, sample_rate), sound))
    if not len(loud):
        return 0, len(samples)
    hop = round(_HOP_S * sample_rate)
    return int(loud[0]) * hop, min(len(samples), (int(loud[-1]) + 1) * hop)

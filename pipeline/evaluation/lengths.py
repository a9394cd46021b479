"""Sentences of every length: checks whether the attention stays aligned, and whether the synthesizer stops correctly.

There are no recordings of these sentences. The expected length follows from the speed of the voice: seconds a character
over all of the speaker's test recordings.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.evaluation.config import LengthTestConfig, SpeechTestConfig
from pipeline.evaluation.recognition import plain_words
from pipeline.evaluation.sentences import Reading

if TYPE_CHECKING:
    import pandas as pd

BIN_WORDS = 10
"""Lengths are summed up by as many words."""
_MEANS = (
    "stop_failures", "truncated", "too_short", "too_long", "aligned", "diagonality", "focus_rate", "coverage",
)  # fmt: skip


class Reader(Protocol):
    """What reads a text aloud: `speech.Speaker`."""

    def read(self, name: str, text: str, embedding: NDArray[np.float32]) -> tuple[torch.Tensor, Reading]:
        """Mel (M, T) of a text, and how it was read."""


@dataclass(frozen=True)
class Voice:
    """A voice that reads a sentence."""

    speaker_id: str
    embedding: NDArray[np.float32]
    """(E,)"""
    s_per_character: float
    """How fast the speaker reads."""


@dataclass(frozen=True)
class ReadSentence:
    """A sentence of a certain length, as it was read."""

    n_words: int
    text: str
    speaker_id: str
    duration_s: float
    expected_s: float
    truncated: bool
    too_short: bool
    too_long: bool
    diagonality: float
    focus_rate: float
    coverage: float
    aligned: bool

    @property
    def stop_failure(self) -> bool:
        """Whether it did not end where it should."""
        return self.truncated or self.too_short or self.too_long


def make_sentences(texts: Sequence[str], config: LengthTestConfig, seed: int) -> list[str]:
    """Cut sentences of 1 to `max_words` words, evenly, out of held-out text; full stops inside become commas.

    Args:
        texts: Normalised, at least one of them with a word.
        config: How many, and how long.
        seed: Of the order of the texts.
    """
    order = np.random.default_rng(seed).permutation(len(texts))
    words = [word for index in order for word in texts[index].split() if plain_words(word)]
    lengths = np.linspace(1, config.max_words, config.n_sentences).round().astype(int).tolist()
    sentences, start = [], 0
    for length in lengths:
        taken = [words[(start + offset) % len(words)] for offset in range(length)]
        start += length
        inner = [word[:-1] + "," if word[-1] in ".!?" else word for word in taken[:-1]]
        sentences.append(" ".join([*inner, taken[-1].rstrip(" ,.:;!?") + "."]))
    return sentences


def read_lengths(
    reader: Reader,
    sentences: Sequence[str],
    voices: Sequence[Voice],
    frame_s: float,
    speech: SpeechTestConfig,
    slack_s: float,
) -> list[ReadSentence]:
    """Read each sentence, in the voices by turns; no sound is made of the mels.

    Args:
        reader: The trained synthesizer.
        sentences: As `make_sentences` gives them.
        voices: At least one.
        frame_s: Seconds a frame.
        speech: What counts as a failure, and as aligned.
        slack_s: Seconds beyond the longest that are no failure.
    """
    found = []
    for number, text in enumerate(sentences):
        voice = voices[number % len(voices)]
        mel, reading = reader.read(f"length {number}", text, voice.embedding)
        duration_s, expected_s = mel.shape[-1] * frame_s, len(text) * voice.s_per_character
        found.append(
            ReadSentence(
                n_words=len(text.split()),
                text=text,
                speaker_id=voice.speaker_id,
                duration_s=duration_s,
                expected_s=expected_s,
                truncated=reading.truncated,
                too_short=duration_s < speech.min_length_ratio * expected_s,
                too_long=duration_s > speech.max_length_ratio * expected_s + slack_s,
                diagonality=reading.diagonality,
                focus_rate=reading.focus_rate,
                coverage=reading.coverage,
                aligned=reading.diagonality >= speech.min_diagonality,
            )
        )
    return found


def summarize_lengths(sentences: Sequence[ReadSentence]) -> dict[str, Any]:
    """Shares and means over all sentences, and under `by_words` over those of 1 to 10 words, of 11 to 20, ..."""
    import pandas as pd  # here, so that the processes that measure do not wait for it

    frame = pd.DataFrame([vars(item) | {"stop_failures": item.stop_failure} for item in sentences])
    by_words = {
        f"{number * BIN_WORDS + 1}_{(number + 1) * BIN_WORDS}": _figures(found)
        for number, found in frame.groupby((frame["n_words"] - 1) // BIN_WORDS)
    }
    return {"max_words": int(frame["n_words"].max()), **_figures(frame), "by_words": by_words}


def _figures(frame: "pd.DataFrame") -> dict[str, float]:
    means = frame[[*_MEANS]].astype(float).mean()
    return {"n_sentences": len(frame)} | {name: float(means[name]) for name in _MEANS}

"""What is said in clips: by a recogniser, and by a text of the whole recording, where there is one."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.evaluation.recognition import compared_words, transcription_error_rates


@dataclass(frozen=True)
class Said:
    """The text of a clip."""

    text: str
    cer: float | None
    """Between the text and what was recognised; None if the text is what was recognised."""


def align(given: str, recognized: Sequence[str], language: str) -> list[Said]:
    """Divide a text between the clips of its recording, by the words that were recognised in them.

    Args:
        given: What is said in the whole recording; it may say more or less.
        recognized: What was recognised, clip by clip.
        language: Of both.
    """
    from rapidfuzz.distance import Levenshtein

    words = given.split()
    plain = [compared_words(word, language) for word in words]
    heard = [(word, clip) for clip, text in enumerate(recognized) for word in compared_words(text, language).split()]
    parts: list[tuple[str, int]] = [(part, place) for place, one in enumerate(plain) for part in one.split()]
    clip_of = [-1] * len(words)
    for operation in Levenshtein.opcodes([part for part, _ in parts], [word for word, _ in heard]):
        if operation.tag in ("equal", "replace"):
            for source, target in zip(
                range(operation.src_start, operation.src_end),
                range(operation.dest_start, operation.dest_end),
                strict=False,
            ):
                clip_of[parts[source][1]] = heard[target][1]
    _fill(clip_of)
    said = []
    for clip, text in enumerate(recognized):
        own = " ".join(word for word, of in zip(words, clip_of, strict=True) if of == clip)
        compared = compared_words(own, language)
        cer = transcription_error_rates([own], [text], language)[0] if compared else 1.0
        said.append(Said(own, cer))
    return said


def _fill(clip_of: list[int]) -> None:
    """Give words that nothing was recognised for to the clip of both neighbours, if that is one and the same."""
    known = [place for place, clip in enumerate(clip_of) if clip >= 0]
    for before, after in itertools.pairwise(known):
        if clip_of[before] == clip_of[after]:
            clip_of[before:after] = [clip_of[before]] * (after - before)
    if known:
        clip_of[: known[0]] = [clip_of[known[0]]] * min(known[0], 2) if known[0] <= 2 else clip_of[: known[0]]
        rest = len(clip_of) - known[-1] - 1
        if rest <= 2:
            clip_of[known[-1] + 1 :] = [clip_of[known[-1]]] * rest

"""What a client may ask to be said, and how it is said: a sentence at a time, each as soon as it is spoken."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator

from peewee_model.audio.clip import Float32Array
from peewee_model.cloning.lines import Lines
from peewee_model.cloning.speaking import Line
from peewee_model.service.batching import Batcher, Ticket
from peewee_model.service.engine import SPEEDS, Engine, VoiceTensors, words_of

MOST_TAUGHT = 200
"""Words that one request teaches."""
_MOST_AHEAD = 8
"""Sentences that are spoken before the client has those before."""

Format = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]


class VoiceId(BaseModel):
    """A voice by its identifier."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(max_length=200)


class SpeechRequest(BaseModel):
    """OpenAI's fields, and ours behind them."""

    model_config = ConfigDict(extra="forbid")

    input: str = Field(min_length=1, description='What to say; `<break time="500ms"/>` in it is a pause.')
    model: str = Field(max_length=200, description="One of `GET /v1/models`.")
    voice: str | VoiceId = Field(description="One of `GET /v1/audio/voices`, by its id.")
    instructions: str | None = Field(None, description="Not used: only an empty one is taken.")
    response_format: Format = "mp3"
    speed: float = Field(1.0, ge=SPEEDS[0], le=SPEEDS[1], description="By the durations; the pitch stays.")
    stream_format: Literal["audio", "sse"] = "audio"
    seed: int = Field(0, ge=0, lt=2**63, description="The same gives the same samples; another one, another timing.")
    timestamps: bool = Field(False, description="With sse: when each word begins and ends.")
    lexicon: dict[str, str] = Field(
        {}, max_length=MOST_TAUGHT, description="Words that are taught: a spelling, or {phonemes}."
    )
    stream: bool = Field(True, description="False: the whole file is made first; all headers are then exact.")

    @field_validator("instructions")
    @classmethod
    def _no_instructions(cls, value: str | None) -> str | None:
        if value and value.strip():
            raise ValueError("this model takes no instructions; leave them out")
        return value

    @property
    def voice_id(self) -> str:
        """The voice, however it was given."""
        return self.voice.id if isinstance(self.voice, VoiceId) else self.voice


@dataclass(frozen=True)
class Plan:
    """What is spoken for a request, by which release."""

    engine: Engine
    lines: Lines
    voice: VoiceTensors
    varied: bool
    """Whether the seed changes the timing."""

    @property
    def n_tokens(self) -> int:
        """Symbols of the text."""
        return sum(len(line.tokens) for line in self.lines.lines)


@dataclass(frozen=True)
class Piece:
    """The next part of a speech."""

    samples: Float32Array
    words: tuple[Mapping[str, Any], ...]
    """Each word that is said in it, with its start and end in seconds of the speech."""
    n_steps: int
    """Of the decoder."""
    truncated: bool
    """Whether it did not end by itself."""


async def spoken(plan: Plan, batcher: Batcher, ticket: Ticket) -> AsyncGenerator[Piece, None]:
    """Speak a plan, a sentence at a time, and then its end.

    The first sentence is asked for alone, so that nothing delays it. While the client reads, the next ones are spoken,
    more at a time.

    Raises:
        ServiceError: If the ticket's deadline is over.
    """
    joiner, rate, at = plan.engine.joiner(), plan.engine.sample_rate, 0
    groups = _growing(plan.lines.lines)

    def ask() -> "asyncio.Task[Any] | None":
        group = next(groups, None)
        return None if group is None else asyncio.create_task(_said(plan, group, batcher, ticket))

    ahead = ask()
    try:
        while ahead is not None:
            said = await ahead
            ticket.deadline = ticket.end
            ahead = ask()
            for line, one in said:
                joined = await asyncio.to_thread(joiner.add, line, one)
                words = tuple(
                    {"word": word, "start": round(at / rate + start, 3), "end": round(at / rate + end, 3)}
                    for word, start, end in words_of(line, one, joined, rate)
                )
                at += len(joined.samples)
                yield Piece(joined.samples, words, len(one.alignment), one.truncated)
        yield Piece(joiner.end(plan.lines.after_s), (), 0, False)
    finally:
        if ahead is not None:
            ahead.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await ahead


async def _said(plan: Plan, group: Sequence[Line], batcher: Batcher, ticket: Ticket) -> list[tuple[Line, Any]]:
    found = await batcher.speak(plan.engine, group, plan.voice, plan.varied, ticket)
    return list(zip(group, found, strict=True))


def _growing(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """One sentence, then two, then four, up to `_MOST_AHEAD`."""
    at, size = 0, 1
    while at < len(lines):
        yield lines[at : at + size]
        at, size = at + size, min(2 * size, _MOST_AHEAD)


def joined(pieces: Sequence[Piece]) -> Piece:
    """Put pieces together."""
    return Piece(
        np.concatenate([piece.samples for piece in pieces]),
        tuple(word for piece in pieces for word in piece.words),
        sum(piece.n_steps for piece in pieces),
        any(piece.truncated for piece in pieces),
    )

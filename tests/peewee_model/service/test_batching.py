"""Sentences of several requests are spoken together, and none that nobody waits for."""

import asyncio
import dataclasses
import time

import pytest

from peewee_model.script.lexicon import Lexicon
from peewee_model.service.batching import Batcher, Ticket
from peewee_model.service.engine import EMBEDDING
from peewee_model.service.errors import ServiceError
from tests.peewee_model.service.running import SAMPLE


@pytest.fixture
def batches():
    """The numbers of sentences that were spoken together."""
    return []


@pytest.fixture
def batcher(batches):
    made = Batcher(1, 0.05, lambda n, _: batches.append(n))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def voice(engine):
    return engine.voice([SAMPLE]).tensors


def ticket(seconds=20.0):
    return Ticket(time.monotonic() + seconds, time.monotonic() + seconds)


def line(engine, text="Hello there."):
    return engine.lines_of(text, 0, Lexicon.of(None), 1.0).lines[0]


def test_requests_of_one_moment_are_spoken_in_one_batch(batcher, batches, engine, voice):
    """Each gets its own speech."""
    texts = ["Hello.", "Good morning, all of you.", "No."]

    async def all_at_once():
        asked = [batcher.speak(engine, [line(engine, text)], voice, False, ticket()) for text in texts]
        return await asyncio.gather(*asked)

    spoken = asyncio.run(all_at_once())
    assert batches == [3]
    lengths = [len(one.samples) for (one,) in spoken]
    assert lengths[1] > lengths[0] > 0
    assert lengths[1] > lengths[2] > 0


def test_requests_whose_timing_varies_are_spoken_apart(batcher, batches, engine, voice):
    """One call of the network has one way of timing."""

    async def both():
        asked = [batcher.speak(engine, [line(engine)], voice, varied, ticket()) for varied in (False, True)]
        return await asyncio.gather(*asked)

    asyncio.run(both())
    assert batches == [1, 1]


def test_sentences_of_a_client_that_left_are_not_spoken(batcher, batches, engine, voice):
    """Whether it says so or its request is cancelled."""
    gone = ticket()
    gone.cancelled = True

    async def leave():
        with pytest.raises(asyncio.CancelledError):
            await batcher.speak(engine, [line(engine)], voice, False, gone)
        waiting = asyncio.create_task(batcher.speak(engine, [line(engine)] * 3, voice, False, ticket()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await batcher.speak(engine, [line(engine)], voice, False, ticket())

    asyncio.run(leave())
    assert batches == [1]


def test_sentence_that_is_too_late_is_refused_with_a_time(batcher, engine, voice):
    """503, which a client may try again."""
    with pytest.raises(ServiceError) as raised:
        asyncio.run(batcher.speak(engine, [line(engine)], voice, False, ticket(0.0)))
    assert raised.value.status == 503
    assert raised.value.headers == {"retry-after": "5"}


def test_fault_of_one_sentence_hurts_no_other(batcher, batches, engine, voice):
    """A voice of a wrong width fails alone; those that were in its batch are spoken."""
    broken = {EMBEDDING: voice[EMBEDDING][:3]}

    async def both():
        asked = [batcher.speak(engine, [line(engine)], one, False, ticket()) for one in (voice, broken)]
        return await asyncio.gather(*asked, return_exceptions=True)

    good, bad = asyncio.run(both())
    assert len(good) == 1
    assert isinstance(bad, Exception)
    assert batcher.is_alive


def test_stopped_batcher_refuses_and_is_not_alive(engine, voice):
    """Nobody waits for ever."""
    batcher = Batcher(2, 0.0, lambda *_: None)
    batcher.stop()
    assert not batcher.is_alive
    with pytest.raises(ServiceError) as raised:
        asyncio.run(batcher.speak(engine, [line(engine)], voice, False, ticket()))
    assert raised.value.status == 503


def test_paces_of_one_batch_are_each_sentences_own(engine, voice):
    """A slow and a fast one are as if each were spoken alone."""
    slow, fast = (dataclasses.replace(line(engine), pace=pace) for pace in (0.5, 2.0))
    together = engine.speak([slow, fast], [voice, voice], False)
    alone = [engine.speak([one], [voice], False)[0] for one in (slow, fast)]
    assert [len(one.alignment) for one in together] == [len(one.alignment) for one in alone]
    assert len(together[0].alignment) > 3 * len(together[1].alignment)

"""Sentences that are joined, with pauses of the right lengths, no clicks, and no digital zero."""

from itertools import pairwise

import numpy as np
import pytest

from peewee_model.cloning.joining import Joiner, join
from peewee_model.cloning.speaking import Line, Spoken

RATE, STEP = 16000, 256
WITHIN_S = 0.02


def tone(seconds, rate=RATE, pitch=150.0):
    """A buzz that begins and ends softly."""
    time = np.arange(round(seconds * rate)) / rate
    buzz = sum(np.sin(2 * np.pi * pitch * k * time) / k for k in range(1, 12))
    edge = np.clip(np.minimum(time, seconds - time) / 0.02, 0, 1)
    return (0.1 * buzz * edge).astype(np.float32)


def quiet(seconds, rate=RATE, level=3e-4):
    return (level * np.random.default_rng(1).standard_normal(round(seconds * rate))).astype(np.float32)


def spoken(samples, n_tokens=4, mark=(0.5, 0.6)):
    """Speech whose token 1 is the mark, and token 2 the space behind it, in the seconds that are given."""
    n_steps = len(samples) // STEP
    times = np.arange(n_steps) * STEP / RATE
    tokens = np.where(times < mark[0], 0, np.where(times < sum(mark) / 2, 1, np.where(times < mark[1], 2, 3)))
    return Spoken(samples, STEP, np.eye(n_tokens, dtype=np.float32)[tokens], False)


def line(before_s=0.0, *pauses, seed=7):
    return Line("", (0, 1, 2, 3), seed, before_s, pauses)


def gaps(samples, rate=RATE):
    """Seconds, beginnings and ends of what is quieter than 40 dB below the loudest 10 ms, and longer than 15 ms."""
    n = rate // 200
    level = np.sqrt(np.convolve(np.square(samples.astype(float)), np.full(2 * n, 0.5 / n), mode="same"))
    loud = np.flatnonzero(level > level.max() / 100)
    return [(int(b - a) / rate, int(a), int(b)) for a, b in pairwise(loud) if b - a > 0.015 * rate]


@pytest.mark.parametrize("before_s", [0.05, 0.3, 0.55, 2.0])
@pytest.mark.parametrize("silence_s", [0.0, 0.01, 0.2])
def test_pause_between_sentences_is_as_long_as_it_should_be(before_s, silence_s):
    """Whatever silence the network put around them."""
    one = spoken(np.concatenate([quiet(silence_s), tone(0.6), quiet(silence_s)]))
    samples = join([line(), line(before_s)], [one, one], RATE, -23.0)
    ((found, start, end),) = gaps(samples)
    assert found == pytest.approx(before_s, abs=WITHIN_S)
    assert np.abs(np.diff(samples[start - 400 : end + 400])).max() <= np.abs(np.diff(samples)).max()
    assert not np.any(samples[start:end] == 0)


@pytest.mark.parametrize("own_s", [0.0, 0.03, 0.2, 0.8])
@pytest.mark.parametrize("pause_s", [0.05, 0.35, 1.0])
def test_pause_within_a_sentence_is_as_long_as_it_should_be(own_s, pause_s):
    """Longer or shorter than the network's own, and where it makes none."""
    first = tone(0.5) if own_s else tone(1.1)[: round(0.5 * RATE)]
    second = tone(0.6) if own_s else tone(1.1)[round(0.5 * RATE) :]
    one = spoken(np.concatenate([first, quiet(own_s), second]), mark=(0.5, 0.5 + max(own_s, 0.06)))
    samples = join([line(0.0, (1, pause_s))], [one], RATE, -23.0)
    ((found, start, end),) = gaps(samples)
    assert found == pytest.approx(pause_s, abs=WITHIN_S)
    inside = np.abs(np.diff(np.concatenate([samples[:start], samples[end:]]))).max()
    assert np.abs(np.diff(samples[start - 160 : end + 160])).max() <= inside
    assert start / RATE == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("level", [0.0, 3e-4, 1e-2])
def test_pause_has_a_faint_level(level):
    """Above digital zero, and below what is heard as noise, in a clean voice and in a noisy one."""
    one = spoken(np.concatenate([tone(0.6), quiet(0.3, level=level)]))
    samples = join([line(), line(1.0)], [one, one], RATE, -23.0, after_s=0.5)
    middle = samples[len(samples) // 2 - 2000 : len(samples) // 2 + 2000]
    for part in (middle, samples[-4000:]):
        assert -90 < 20 * np.log10(np.sqrt(np.mean(np.square(part)))) < -50


def test_same_lines_give_the_same_samples_and_another_seed_another_pause():
    """What is not random stays."""
    one = spoken(tone(0.6))
    first, again, other = (join([line(seed=s), line(0.5)], [one, one], RATE, -23.0) for s in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert np.abs(first - other).max() < 0.01


def test_network_that_never_reaches_a_mark_makes_no_pause_there():
    """Its speech is flagged as cut off; nothing is inserted anywhere else."""
    one = spoken(tone(1.0), mark=(9.0, 9.1))
    assert gaps(join([line(0.0, (1, 0.5))], [one], RATE, -23.0)) == []


def test_silence_before_and_behind_all_is_what_was_asked_for():
    """At the beginning and the end of a text."""
    one = spoken(tone(0.6))
    bare = join([line()], [one], RATE, -23.0)
    samples = join([line(1.0)], [one], RATE, -23.0, after_s=2.0)
    assert len(samples) == pytest.approx(len(bare) + 3.0 * RATE, abs=0.02 * RATE)


@pytest.mark.parametrize(
    "samples", [np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(5000, np.float32), tone(0.004)]
)
def test_speech_of_any_length_can_be_joined(samples):
    """A network may say nothing."""
    one = Spoken(samples, STEP, np.ones((1, 4), np.float32), False)
    joined = join([line(0.0, (1, 0.1)), line(0.2)], [one, one], RATE, -23.0)
    assert np.isfinite(joined).all() and len(joined) >= 0.2 * RATE


def test_pause_of_nothing_has_no_click():
    """Two sentences one after the other."""
    cut = tone(1.0)[: round(0.5 * RATE)]
    samples = join([line(), line(0.0)], [spoken(cut), spoken(cut)], RATE, -23.0)
    assert np.abs(np.diff(samples[len(cut) - 400 : len(cut) + 400])).max() <= np.abs(np.diff(samples)).max()
    assert np.abs(samples[len(cut) - 80 : len(cut) + 80]).max() < np.abs(samples).max()


def streamed(lines, sentences, after_s=0.0):
    joiner = Joiner(RATE, -23.0)
    pieces = [joiner.add(one, said).samples for one, said in zip(lines, sentences, strict=True)]
    return np.concatenate([*pieces, joiner.end(after_s)])


@pytest.mark.parametrize("after_s", [0.0, 0.4])
def test_stream_of_one_sentence_is_what_is_joined_of_it(after_s):
    """To the sample, with the pauses within it and behind it."""
    one = spoken(np.concatenate([quiet(0.1), tone(0.5), quiet(0.1), tone(0.6), quiet(0.2)]))
    lines = [line(0.2, (1, 0.35))]
    assert np.array_equal(streamed(lines, [one], after_s), join(lines, [one], RATE, -23.0, after_s))


@pytest.mark.parametrize("before_s", [0.05, 0.3, 2.0])
def test_stream_has_the_pauses_that_it_should_have(before_s):
    """Though each sentence is given away before the next is known."""
    one = spoken(np.concatenate([quiet(0.2), tone(0.6), quiet(0.2)]))
    lines = [line(), line(before_s), line(before_s)]
    samples = streamed(lines, [one] * 3)
    assert [found for found, _, _ in gaps(samples)] == pytest.approx([before_s] * 2, abs=WITHIN_S)
    assert len(samples) == pytest.approx(len(join(lines, [one] * 3, RATE, -23.0)), abs=2)


def test_stream_says_where_each_part_of_a_sentence_is():
    """So that words can be found in it."""
    one = spoken(np.concatenate([quiet(0.1), tone(0.5), quiet(0.3), tone(0.6), quiet(0.2)]), mark=(0.6, 0.9))
    joiner = Joiner(RATE, -23.0)
    joiner.add(line(), one)
    joined = joiner.add(line(0.5, (1, 1.0)), one)
    assert len(joined.places) == 2
    loudness = one.samples.astype(float)
    for start, end, at in joined.places:
        assert np.corrcoef(loudness[start:end], joined.samples[at : at + end - start])[0, 1] > 0.99

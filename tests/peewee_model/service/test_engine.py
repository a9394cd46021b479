"""The service's view of a release says what `VoiceCloner.clone` says."""

import numpy as np
import torch

from peewee_model.script.lexicon import Lexicon
from peewee_model.service.engine import EMBEDDING
from tests.peewee_model.service.running import HELLO, SAMPLE


def said(engine, voice, seed=0):
    lines = engine.lines_of(HELLO, seed, Lexicon.of(None), 1.0)
    joiner = engine.joiner()
    pieces = [
        joiner.add(line, one).samples
        for line, one in zip(
            lines.lines, engine.speak(lines.lines, [voice] * len(lines.lines), bool(seed)), strict=True
        )
    ]
    return np.concatenate([*pieces, joiner.end(lines.after_s)])


def test_stored_voice_says_what_clone_says(engine):
    """Embedding and match are all that a voice is; a seed varies both alike."""
    voice = engine.voice([SAMPLE]).tensors
    for seed in (0, 5):
        assert np.array_equal(said(engine, voice, seed), engine.clone(HELLO, SAMPLE, seed=seed).samples)


def test_match_of_another_release_is_not_used(engine):
    """The embedding alone is then the voice, as for a release that matches nothing."""
    voice = engine.voice([SAMPLE]).tensors
    others = {name.replace(engine.match_version, "f" * 16): value for name, value in voice.items()}
    assert others.keys() != voice.keys(), "the release matches voices"
    alone = said(engine, {EMBEDDING: voice[EMBEDDING]})
    assert np.array_equal(said(engine, others), alone)
    assert not np.array_equal(said(engine, voice), alone)
    assert torch.equal(others[EMBEDDING], voice[EMBEDDING])

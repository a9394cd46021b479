import numpy as np
import pytest
from threadpoolctl import threadpool_limits

pytest.importorskip("resemblyzer")
from pipeline.evaluation.similarity import Verifier, verifier_is_installed


@pytest.fixture(scope="module")
def verifier():
    return Verifier()


def buzz(pitch, seconds=2.5, rate=16_000, seed=0):
    t = np.arange(int(seconds * rate)) / rate
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.05 * np.sin(5 * t))) / rate
    noise = 0.002 * np.random.default_rng(seed).normal(size=len(t))
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 12)) * (1 + np.sin(20 * t)) + noise).astype(np.float32)


def test_embedding_is_resemblyzers_own(verifier):
    """Our mel replaces librosa's; the embedding must be the same."""
    from resemblyzer import VoiceEncoder, preprocess_wav

    assert verifier_is_installed()
    with threadpool_limits(limits=1):
        theirs = VoiceEncoder(device="cpu", verbose=False).embed_utterance(preprocess_wav(buzz(140)))
    assert verifier.embed(buzz(140), 16_000) == pytest.approx(theirs, abs=2e-5)


def test_same_voice_is_nearer_than_another(verifier):
    """For an encoder that is not ours."""
    low, low_again, high = (verifier.embed(buzz(p, s, 24_000), 24_000) for p, s in [(110, 2.5), (112, 3.5), (260, 3.0)])
    assert low @ low_again > low @ high + 0.05
    assert np.linalg.norm(low) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("samples", [np.zeros(16_000), np.zeros(0), 1e-4 * np.ones(300)])
def test_what_holds_no_voice_gives_finite_numbers(verifier, samples):
    """Silence, no samples at all, a constant."""
    assert np.isfinite(verifier.embed(samples.astype(np.float32), 16_000)).all()

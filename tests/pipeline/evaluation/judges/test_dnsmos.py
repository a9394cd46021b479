import numpy as np
import pytest

from pipeline.evaluation.judges.dnsmos import Dnsmos
from pipeline.evaluation.judges.models import DNSMOS
from tests.pipeline.evaluation.judges.speech import buzz, recording


@pytest.fixture(scope="module")
def dnsmos():
    return Dnsmos(DNSMOS.find())


@pytest.mark.parametrize(
    ("samples", "theirs"),
    [(np.resize(recording(), 144_160), 3.361025), (recording(), 3.361025), (recording()[:48_000], 3.086783)],
    ids=["a window", "a longer one", "a shorter one"],
)
def test_scores_are_those_of_speechmos(dnsmos, samples, theirs):
    """Computed once by `speechmos` 0.0.1.1; exact for one window, and near where ours has fewer windows."""
    assert dnsmos.score(samples) == pytest.approx(theirs, abs=1e-4 if len(samples) == 144_160 else 0.06)


def test_damaged_speech_scores_lower(dnsmos):
    """Noise, and a buzz that is no speech."""
    noisy = recording() + 0.05 * np.random.default_rng(0).standard_normal(len(recording())).astype(np.float32)
    assert dnsmos.score(recording()) > dnsmos.score(noisy) + 0.3
    assert dnsmos.score(recording()) > dnsmos.score(buzz(140)) + 0.3
    assert 1 <= dnsmos.score(np.zeros(1, dtype=np.float32)) <= 5

import numpy as np
import pytest

from pipeline.evaluation.judges.distill_mos import DistillMos
from pipeline.evaluation.judges.models import DISTILL_MOS
from tests.pipeline.evaluation.judges.speech import buzz, recording


@pytest.fixture(scope="module")
def distill_mos():
    return DistillMos(DISTILL_MOS.find())


@pytest.mark.parametrize(
    ("samples", "theirs"),
    [
        (recording(), 4.335553),
        (recording()[:48_000], 3.853835),
        (buzz(140), 1.320859),
        (buzz(140, 9.5), 1.589443),
    ],
    ids=["several windows", "a shorter one", "no speech", "no speech, several windows"],
)
def test_scores_are_those_of_the_original(distill_mos, samples, theirs):
    """Computed once by `distillmos` 0.9.1 with its own code: the network that is written here again is the same."""
    assert distill_mos.score(samples) == pytest.approx(theirs, abs=1e-3)


def test_damaged_speech_scores_lower(distill_mos):
    """Noise; and a single sample is no error."""
    noisy = recording() + 0.05 * np.random.default_rng(0).standard_normal(len(recording())).astype(np.float32)
    assert distill_mos.score(recording()) > distill_mos.score(noisy) + 0.5
    assert 1 <= distill_mos.score(np.zeros(1, dtype=np.float32)) <= 5

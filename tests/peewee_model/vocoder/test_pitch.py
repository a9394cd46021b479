from itertools import pairwise, product

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from peewee_model.vocoder.pitch import PitchArchitecture, PitchNetwork, likeliest_path, pitch_targets

SIZES = {"f_min": 60.0, "f_max": 500.0, "bins_per_octave": 24, "channels": 8, "kernel_size": 3, "n_layers": 2}
PITCH = PitchArchitecture(**SIZES)


def test_bins_reach_from_f_min_to_f_max():
    """Three octaves and a bit, of 24 bins."""
    assert PITCH.n_bins == 74


@pytest.mark.parametrize(("change", "words"), [({"f_max": 60.0}, "above f_min"), ({"kernel_size": 4}, "make it odd")])
def test_sizes_that_contradict_each_other_are_refused(change, words):
    """With what to change."""
    with pytest.raises(ValidationError, match=words):
        PitchArchitecture(**SIZES | change)


def test_targets_are_a_gaussian_around_the_pitch_or_unvoiced():
    """They sum to 1, and their mean is the pitch."""
    targets = pitch_targets(torch.tensor([120.0, 0.0, 246.9]), PITCH)
    assert targets.shape == (75, 3)
    assert torch.allclose(targets.sum(dim=0), torch.ones(3))
    assert targets[-1].tolist() == [0.0, 1.0, 0.0]
    assert targets[:-1, 0].argmax() == 24  # an octave above 60 Hz
    mean = (targets[:-1, 2] * torch.arange(74)).sum()
    assert 60 * 2 ** (mean / 24) == pytest.approx(246.9, rel=1e-3)


def test_pitch_beyond_the_bins_is_the_nearest():
    """A child's cry is still voiced."""
    targets = pitch_targets(torch.tensor([40.0, 900.0]), PITCH)
    assert torch.isfinite(targets).all()
    assert targets[:-1].argmax(dim=0).tolist() == [0, 73]


def test_path_stays_on_a_pitch_through_a_frame_that_says_another():
    """An octave error of one frame is corrected, and a change of voicing of one frame; a lasting change is not."""
    log_probabilities = np.full((30, 75), -8.0)
    log_probabilities[:20, 24] = -0.1
    log_probabilities[20:, 74] = -0.1
    log_probabilities[5, [24, 48]] = -2.0, -0.5
    log_probabilities[10, [24, 74]] = -2.0, -0.5
    path = likeliest_path(log_probabilities)
    assert path.tolist() == [24] * 20 + [74] * 10


def test_likeliest_path_is_that_of_all_paths():
    """Against every path of four frames over three states, counted out."""
    log_probabilities = np.log(np.random.default_rng(3).dirichlet(np.ones(3), 4))

    def cost(path):
        steps = 0.0
        for a, b in pairwise(path):
            if 2 in (a, b):
                steps += 0.0 if a == b else 2.0
            else:
                steps += min(0.3 * abs(a - b), 6.0)
        return steps - sum(log_probabilities[t, state] for t, state in enumerate(path))

    best = min(product(range(3), repeat=4), key=cost)
    assert likeliest_path(log_probabilities).tolist() == list(best)


def test_track_gives_hertz_where_voiced_and_0_elsewhere():
    """A frequency between two bins comes out of their probabilities."""
    network = PitchNetwork(20, PITCH).eval()
    torch.nn.init.zeros_(network.output.weight)
    logits = torch.log(pitch_targets(torch.tensor([150.0]), PITCH)[:, 0].clamp(min=1e-6))
    with torch.no_grad():
        network.output.bias.copy_(logits)
    assert network.track(torch.zeros(20, 7)) == pytest.approx(np.full(7, 150.0), rel=2e-3)
    with torch.no_grad():
        network.output.bias[-1] = 9.0
    assert network.track(torch.zeros(20, 7)).tolist() == [0.0] * 7


def test_uncertain_pitch_is_voiced_if_a_voice_is_likelier_than_none():
    """Seven tenths over twenty bins: each bin is less likely than "unvoiced", and all together more."""
    network = PitchNetwork(20, PITCH).eval()
    torch.nn.init.zeros_(network.output.weight)
    probabilities = torch.full((75,), 1e-9)
    probabilities[20:40] = 0.7 / 20
    probabilities[-1] = 0.3
    with torch.no_grad():
        network.output.bias.copy_(torch.log(probabilities))
    assert (network.track(torch.zeros(20, 7)) > 0).all()

import numpy as np
import pytest
import torch

from peewee_model.cloning.one_voice import cosine_of_groups, likeness_of_halves
from tests.peewee_model.cloning.test_cloner import make_encoder


def around(centre, n_windows, seed, spread=0.02):
    """Unit vectors near a centre. (W, E)"""
    found = centre + spread * np.random.default_rng(seed).normal(size=(n_windows, len(centre)))
    return found / np.linalg.norm(found, axis=1, keepdims=True)


ONE, OTHER = np.eye(32)[0], np.eye(32)[1]


@pytest.mark.parametrize(("n_one", "n_other"), [(1, 1), (5, 5), (9, 2), (20, 20), (2, 9)])
def test_two_people_are_two_groups(n_one, n_other):
    """In any order, and of any share."""
    windows = np.concatenate([around(ONE, n_one, 1), around(OTHER, n_other, 2)])
    for order in (np.arange(len(windows)), np.random.default_rng(3).permutation(len(windows))):
        assert abs(cosine_of_groups(windows[order])) < 0.15


@pytest.mark.parametrize("n_windows", [2, 5, 40])
def test_one_person_is_alike(n_windows):
    """However it is divided."""
    assert cosine_of_groups(around(ONE, n_windows, 0)) > 0.9


def test_one_odd_window_of_many_is_no_second_person():
    """A cough, or a word from the next room."""
    assert cosine_of_groups(np.concatenate([around(ONE, 20, 0), around(OTHER, 1, 1)])) > 0.9


def test_cosine_of_one_window_each_is_their_own():
    """By hand: nothing is converted."""
    windows = np.array([[1.0, 0.0], [0.6, 0.8]])
    assert cosine_of_groups(windows) == pytest.approx(0.6)


def test_cosine_of_larger_groups_is_converted():
    """By hand: groups of three count as two windows, so 0.6 of their means is 0.6 / (2 - 0.6) of windows."""
    windows = np.array([[1.0, 0.0]] * 3 + [[0.6, 0.8]] * 3)
    assert cosine_of_groups(windows) == pytest.approx(0.6 / 1.4)


def test_speech_of_less_than_two_windows_is_not_judged():
    """Pauses are not counted: 3 s of speech are 300 frames."""
    encoder = make_encoder()
    speech, pause = torch.randn(40, 599) * 0.1, torch.full((40, 900), -7.0)
    assert likeness_of_halves(encoder, [speech]) is None
    assert likeness_of_halves(encoder, [torch.cat([speech, pause], dim=1)]) is None
    assert likeness_of_halves(encoder, [torch.randn(40, 601) * 0.1]) is not None
    assert likeness_of_halves(encoder, [speech[:, :300], speech[:, 300:]]) is None

from itertools import product

import numpy as np
import pytest

from pipeline.evaluation.distortion import mel_cepstra, mel_cepstral_distortion, warp


def ripple(k, amplitude, n_frames=6, n_mels=40):
    """A log-mel whose every frame is one cosine over the bands."""
    frame = amplitude * np.cos(np.pi * k * (np.arange(n_mels) + 0.5) / n_mels)
    return np.repeat(frame[:, None], n_frames, axis=1).astype(np.float32)


def test_cepstra_are_a_cosine_series_without_level():
    """The first coefficient is loudness."""
    found = mel_cepstra(ripple(3, 0.7) + 5)
    assert found.shape == (13, 6)
    assert found[2] == pytest.approx(0.7, abs=1e-6)
    assert np.abs(np.delete(found, 2, axis=0)).max() < 1e-6


def test_distortion_is_the_root_mean_square_difference_in_decibels():
    """One cosine of 0.5 nepers apart: over the bands that is 0.5 / sqrt(2) nepers of 8.686 dB each."""
    base = np.zeros((40, 6), dtype=np.float32)
    expected = 20 / np.log(10) * np.sqrt(np.mean(ripple(4, 0.5)[:, 0] ** 2))
    assert expected == pytest.approx(8.686 * 0.5 / 2**0.5, rel=1e-3)
    assert mel_cepstral_distortion(ripple(4, 0.5), base) == pytest.approx(expected, rel=1e-5)


def test_distortion_ignores_loudness_and_pace():
    """The warp and the missing level see to it."""
    rng = np.random.default_rng(0)
    mel = rng.normal(size=(40, 20)).astype(np.float32)
    slower = np.repeat(mel, 2, axis=1) - 3
    assert mel_cepstral_distortion(slower, mel) == pytest.approx(0, abs=1e-4)
    assert mel_cepstral_distortion(mel[:, ::-1], mel) > 1


def test_fine_structure_beyond_the_cepstra_is_ignored():
    """Harmonics are no timbre."""
    assert mel_cepstral_distortion(ripple(14, 1.0), ripple(1, 0.0)) == pytest.approx(0, abs=1e-5)


def all_paths(n, m):
    """Every monotonic path through n x m, the slow way."""
    if n == 1 and m == 1:
        return [[(0, 0)]]
    found = []
    for di, dj in product((0, 1), repeat=2):
        if (di or dj) and n - di >= 1 and m - dj >= 1:
            found += [[*path, (n - 1, m - 1)] for path in all_paths(n - di, m - dj)]
    return found


@pytest.mark.parametrize(("n", "m"), [(1, 1), (1, 5), (5, 1), (4, 5), (5, 3)])
def test_warp_finds_the_cheapest_of_all_paths(n, m):
    """Compared with a search through all."""
    for seed in range(5):
        cost = np.random.default_rng(seed).random((n, m))
        rows, columns = warp(cost)
        path = list(zip(rows.tolist(), columns.tolist(), strict=True))
        assert path in all_paths(n, m)
        assert cost[rows, columns].sum() == pytest.approx(
            min(sum(cost[cell] for cell in path) for path in all_paths(n, m))
        )

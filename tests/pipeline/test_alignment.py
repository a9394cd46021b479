import pytest
import torch

from pipeline.alignment import (
    alignment_figures,
    coverage,
    diagonality,
    focus_rate,
    monotonicity,
)


def diagonal(n_steps, n_tokens):
    alignment = torch.zeros(n_steps, n_tokens)
    steps = torch.arange(n_steps)
    alignment[steps, steps * n_tokens // n_steps] = 1.0
    return alignment


@pytest.mark.parametrize(("n_steps", "n_tokens"), [(60, 20), (20, 20), (10, 30), (5, 1)])
def test_figures_of_a_diagonal_are_one(n_steps, n_tokens):
    """The best alignment that there is."""
    alignment = diagonal(n_steps, n_tokens)
    for figure in (diagonality, focus_rate, coverage, monotonicity):
        assert figure(alignment) == pytest.approx(1.0), figure.__name__


def test_even_attention_is_not_diagonal():
    """In the limit, the share of a square within 0.2 of its diagonal: 1 - 0.8^2."""
    alignment = torch.full((200, 100), 1 / 100)
    assert diagonality(alignment) == pytest.approx(0.36, abs=0.01)
    assert focus_rate(alignment) == pytest.approx(0.01)
    assert coverage(alignment) == pytest.approx(0.01)


def test_random_attention_is_not_diagonal():
    """Its figure is far below."""
    torch.manual_seed(0)
    alignment = torch.eye(40)[torch.randint(0, 40, (300,))]  # sharp, anywhere
    assert diagonality(alignment) < 0.5
    assert monotonicity(alignment) < 0.7
    assert focus_rate(alignment) == 1.0


def test_backwards_attention_is_not_diagonal():
    """A text is read in one direction."""
    alignment = diagonal(60, 20).flip(1)
    assert diagonality(alignment) < 0.25
    assert monotonicity(alignment) < 0.75


def test_skipped_tokens_lower_the_coverage():
    """By their share."""
    alignment = diagonal(60, 20)
    alignment[:, 10:15] = 0
    alignment[30:45, 15] = 1  # five tokens jumped over
    assert coverage(alignment) == pytest.approx(0.75)
    assert monotonicity(alignment) == 1.0


def test_stuck_attention_lowers_coverage_and_diagonality():
    """It stays at one token."""
    alignment = torch.zeros(60, 20)
    alignment[:, 3] = 1.0
    assert coverage(alignment) == pytest.approx(0.05)
    assert diagonality(alignment) < 0.5


def test_batch_gives_each_utterance_its_own_figures():
    """Padding does not count."""
    alignment = torch.zeros(2, 60, 20)
    alignment[0] = diagonal(60, 20)
    alignment[1, :24, :12] = diagonal(24, 12).flip(1)
    first, second = alignment_figures(alignment, torch.tensor([60, 24]), torch.tensor([20, 12]))
    assert first.diagonality == pytest.approx(1.0)
    assert second.diagonality == pytest.approx(diagonality(diagonal(24, 12).flip(1)))
    assert second.focus_rate == pytest.approx(1.0)
    assert second.coverage == pytest.approx(1.0)

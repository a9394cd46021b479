"""The aligner against sums and searches over all ways to read, written down in full, and on sounds it must find."""

import math
from itertools import combinations, pairwise

import pytest
import torch

from peewee_model.synthesizer.non_attentive.aligner import Aligner, _log_prior, alignment_loss, best_durations
from tests.peewee_model.synthesizer.configs import small_config


def ways(n_steps, n_tokens):
    """All durations of at least one step that add up."""
    return [
        tuple(b - a for a, b in pairwise((0, *ends, n_steps))) for ends in combinations(range(1, n_steps), n_tokens - 1)
    ]


def score(shares, durations):
    tokens = [token for token, n in enumerate(durations) for _ in range(n)]
    return sum(float(shares[step, token]) for step, token in enumerate(tokens))


def test_best_durations_are_those_of_a_search_through_all():
    """Dynamic programming finds the optimum."""
    shares = torch.randn(3, 9, 4).log_softmax(2)
    steps, tokens = torch.tensor([9, 6, 4]), torch.tensor([4, 2, 4])
    found = best_durations(shares, steps, tokens)
    for item in range(3):
        n_steps, n_tokens = int(steps[item]), int(tokens[item])
        every = ways(n_steps, n_tokens)
        best = max(every, key=lambda durations, item=item: score(shares[item], durations))
        assert tuple(found[item, :n_tokens].tolist()) == best
        assert found[item, n_tokens:].sum() == 0
    assert len(every) == 1  # four steps for four tokens: no choice


def test_recording_shorter_than_its_text_is_divided_evenly():
    """There is no path with a frame for each token."""
    shares = torch.randn(2, 6, 5).log_softmax(2)
    found = best_durations(shares, torch.tensor([3, 6]), torch.tensor([5, 5]))
    assert found.sum(1).tolist() == [3, 6]
    assert found[0].tolist() == [0, 1, 0, 1, 1]
    assert found[1].min() == 1


def test_loss_is_of_the_sum_over_all_ways_to_read():
    """As CTC sums: from a token to the next, with or without steps of none between."""
    shares = torch.randn(1, 4, 2).log_softmax(2)
    with_blank = torch.cat((torch.full((1, 4, 1), -1.0), shares), dim=2).log_softmax(2)[0].exp()
    total = 0.0
    for labels in torch.cartesian_prod(*[torch.arange(3)] * 4).tolist():
        said = [label for step, label in enumerate(labels) if label and (step == 0 or labels[step - 1] != label)]
        if said == [1, 2]:
            total += math.prod(float(with_blank[step, label]) for step, label in enumerate(labels))
    found = alignment_loss(shares, torch.tensor([4]), torch.tensor([2]))
    assert float(found) == pytest.approx(-math.log(total) / 4, rel=1e-5)


def test_prior_is_the_beta_binomial_distribution():
    """Compared with scipy's."""
    from scipy.stats import betabinom

    found = _log_prior(torch.tensor([7, 3]), torch.tensor([4, 2]), 7, 4)
    for item, (n_steps, n_tokens) in enumerate(((7, 4), (3, 2))):
        for step in range(n_steps):
            expected = betabinom.logpmf(range(n_tokens), n_tokens - 1, step + 1, n_steps - step)
            assert found[item, step, :n_tokens].tolist() == pytest.approx(expected.tolist(), abs=1e-4)


def test_aligner_ignores_padding():
    """An utterance has the same alignment alone and in a batch."""
    aligner = Aligner(small_config("non_attentive", reduction_factor=2))
    symbols, groups = torch.randn(1, 16, 4), torch.randn(1, 16, 6)
    steps, tokens = torch.tensor([6]), torch.tensor([4])
    alone = aligner(symbols, tokens, groups, steps)
    padded = aligner(torch.nn.functional.pad(symbols, (0, 3)), tokens, torch.nn.functional.pad(groups, (0, 5)), steps)
    torch.testing.assert_close(padded[:, :6, :4], alone, rtol=1e-4, atol=1e-5)
    assert padded[:, :6, 4:].exp().max() == 0
    torch.testing.assert_close(alignment_loss(padded, steps, tokens), alignment_loss(alone, steps, tokens))
    assert torch.equal(best_durations(padded, steps, tokens)[:, :4], best_durations(alone, steps, tokens))


@torch.no_grad()
def test_shares_of_a_padded_batch_by_hand():
    """Softmax over the text's own tokens of the distance a dimension and the prior, of each item alone."""
    from scipy.stats import betabinom

    aligner = Aligner(small_config("non_attentive"))
    symbols, groups = torch.randn(2, 16, 4), torch.randn(2, 8, 6)
    steps, tokens = torch.tensor([6, 3]), torch.tensor([2, 4])
    found = aligner(symbols, tokens, groups, steps)
    keys, queries = aligner.keys(symbols), aligner.queries(groups)
    for item, (n_steps, n_tokens) in enumerate(((6, 2), (3, 4))):
        for step in range(n_steps):
            distances = [float((queries[item, :, step] - keys[item, :, token]).square().sum()) for token in range(4)]
            prior = betabinom.pmf(range(n_tokens), n_tokens - 1, step + 1, n_steps - step)
            weights = [math.exp(-distances[token] / 9) * prior[token] for token in range(n_tokens)]
            expected = [weight / sum(weights) for weight in weights] + [0.0] * (4 - n_tokens)
            assert found[item, step].exp().tolist() == pytest.approx(expected, abs=1e-4)


def test_aligner_learns_how_long_sounds_last():
    """Six sounds of 2 to 7 steps, to within one or so: it sees a step to each side, and has no label of a sound's
    end."""
    config = small_config("non_attentive", aligner_channels=32, aligner_dim=16)
    sounds, lasting = 2 * torch.randn(7, 8, 1), torch.tensor([0, 2, 3, 4, 5, 6, 7])
    embedding = torch.nn.Embedding(7, 16)
    aligner = Aligner(config)
    optimizer = torch.optim.Adam([*aligner.parameters(), *embedding.parameters()], lr=1e-2)

    def draw(seed):
        drawing = torch.Generator().manual_seed(seed)
        texts = torch.stack([1 + torch.randperm(6, generator=drawing)[:5] for _ in range(8)])  # none twice in a row
        mels = [torch.cat([sounds[t].expand(-1, int(lasting[t])) for t in text], dim=1) for text in texts]
        steps = torch.tensor([mel.shape[1] for mel in mels])
        padded = torch.zeros(8, 8, int(steps.max()))
        for item, mel in enumerate(mels):
            padded[item, :, : mel.shape[1]] = mel + 0.3 * torch.randn(mel.shape, generator=drawing)
        return texts, torch.full((8,), 5), padded, steps

    def error(seed):
        """Mean error, in steps."""
        texts, tokens, mels, steps = draw(seed)
        with torch.no_grad():
            shares = aligner(embedding(texts).transpose(1, 2), tokens, mels, steps)
        return float((best_durations(shares, steps, tokens) - lasting[texts]).abs().float().mean())

    untrained = error(9999)
    for seed in range(300):
        texts, tokens, mels, steps = draw(seed)
        loss = alignment_loss(aligner(embedding(texts).transpose(1, 2), tokens, mels, steps), steps, tokens)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert untrained > 1.2
    assert error(9999) < 0.9

import pytest
import torch

from peewee_model.synthesizer.layers import MaskedBatchNorm, dropout, length_mask


def test_length_mask_marks_what_is_valid():
    """True for valid positions, False for padding."""
    assert length_mask(torch.tensor([2, 0, 3]), 3).tolist() == [[True, True, False], [False] * 3, [True] * 3]


@pytest.mark.parametrize("generator", [None, torch.Generator().manual_seed(0)])
def test_dropout_keeps_the_mean_and_drops_the_share(generator):
    """As torch's does, from numbers of our own."""
    torch.manual_seed(0)
    values = torch.ones(100_000, requires_grad=True)
    dropped = dropout(values, 0.3, generator)
    assert float((dropped == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.01)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped)
    assert dropout(values, 0.0) is values


def test_masked_batch_norm_equals_batch_norm_of_the_valid_positions():
    """Values, gradients and running statistics; with a mean far from zero, where variances are hard."""
    torch.manual_seed(0)
    valid = torch.randn(1, 5, 40) * 2 + 10
    padded = torch.zeros(2, 5, 30)
    padded[0], padded[1, :, :10] = valid[0, :, :30], valid[0, :, 30:]
    mask = length_mask(torch.tensor([30, 10]), 30)[:, None].float()
    ours, theirs = MaskedBatchNorm(5).train(), torch.nn.BatchNorm1d(5).train()
    weighting = torch.randn(1, 5, 40)
    inputs = padded.requires_grad_(), valid.requires_grad_()
    found = ours(inputs[0], mask)
    found = torch.cat((found[:1], found[1:, :, :10]), dim=2)
    expected = theirs(inputs[1])
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    for output in (found, expected):
        (output * weighting).sum().backward()
    gradient = torch.cat((inputs[0].grad[:1], inputs[0].grad[1:, :, :10]), dim=2)
    torch.testing.assert_close(gradient, inputs[1].grad, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=1e-3, atol=1e-3)
    for one, other in zip(ours.buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)

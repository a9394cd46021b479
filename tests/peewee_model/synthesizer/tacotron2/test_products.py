"""Both ways of multiplying, where the processor has both, against torch's own product in double precision."""

import pytest
import torch

from peewee_model.synthesizer.tacotron2 import products


@pytest.mark.parametrize("onednn", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_equal_torchs(dtype, onednn, monkeypatch):
    """Ours are faster, not other."""
    monkeypatch.setattr(products, "_WORTHWHILE", 0 if onednn else 1 << 62)
    rows, weight = torch.randn(9, 30, dtype=dtype), torch.randn(70, 30, dtype=dtype)
    expected = (rows.double() @ weight.double().t()).to(dtype)
    for found in (products.product(rows, weight), products.PackedWeight(weight, 9)(rows)):
        torch.testing.assert_close(found, expected)
    transposed = products.PackedWeight(weight.t().contiguous().t(), 9)  # a matrix that is a view
    torch.testing.assert_close(transposed(rows), expected)


def test_linear_equals_torchs_in_outputs_and_gradients(monkeypatch):
    """So that training does not change."""
    monkeypatch.setattr(products, "_WORTHWHILE", 0)
    leaves = [torch.randn(*shape, requires_grad=True) for shape in ((4, 5, 30), (70, 50), (70,))]
    results = []
    for function in (products.linear, torch.nn.functional.linear):
        rows, weight, bias = leaves
        output = function(rows, weight[:, 20:], bias)
        gradients = torch.autograd.grad(output.square().sum(), leaves)
        results.append((output, *gradients))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)

"""Products with packed weights, against the plain product in double precision."""

import warnings

import pytest
import torch

from peewee_model.errors import ConfigError
from peewee_model.synthesizer.tacotron2 import packed_products
from peewee_model.synthesizer.tacotron2.packed_products import (
    check_precision,
    default_precision,
    make_product,
)

CPU = torch.device("cpu")
BOUNDS = {"float32": 1e-6, "float16": 5e-4, "int8": 1e-2}
"""Of an error's norm to the result's: half precision has 11 bits, and a range of 255 steps spans some 6 deviations."""


def relative_error(found, expected):
    return float(torch.linalg.vector_norm(found - expected) / torch.linalg.vector_norm(expected))


@pytest.mark.parametrize("precision", BOUNDS)
@pytest.mark.parametrize("n_rows", [1, 2, 3, 17])
@pytest.mark.parametrize("shape", [(1, 5), (81, 40), (256, 3), (700, 300)], ids=str)
@pytest.mark.parametrize("biased", [True, False])
def test_product_is_near_the_plain_one(precision, n_rows, shape, biased):
    """Within the error that eight bits allow."""
    weight, rows = torch.randn(shape), torch.randn(n_rows, shape[1])
    bias = torch.randn(shape[0]) if biased else None
    expected = torch.nn.functional.linear(rows.double(), weight.double(), None if bias is None else bias.double())
    found = make_product(weight, bias, precision)(rows)
    assert found.dtype == torch.float32 and found.shape == expected.shape
    assert relative_error(found, expected) < BOUNDS[precision]


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_rounding_is_really_that_of_the_precision(precision):
    """Else a product in full precision would pass for one in few bits."""
    weight, rows = torch.randn(700, 300), torch.randn(1, 300)
    error = relative_error(make_product(weight, None, precision)(rows), rows.double() @ weight.double().t())
    assert BOUNDS[precision] / 10 < error < BOUNDS[precision]


def test_eight_bits_multiply_a_row_alike_whatever_is_beside_it():
    """To the last bit: a text is to say the same alone and among others."""
    weight, rows = torch.randn(700, 300), torch.randn(5, 300)
    product = make_product(weight, torch.randn(700), "int8")
    assert torch.equal(product(rows), torch.cat([product(row) for row in rows[:, None]]))


@pytest.mark.parametrize("size", [0.0, 1e-20, 1e-3, 1e3])
def test_eight_bits_round_weights_and_not_rows(size):
    """Rows keep fourteen bits, whatever their size: with weights that eight bits have exactly, only those are lost."""
    weight = torch.randint(-127, 128, (700, 300)).float()
    weight[:, 0] = 127
    rows = size * torch.randn(3, 300)
    expected = rows.double() @ weight.double().t()
    found = make_product(weight, None, "int8")(rows)
    assert torch.equal(found, expected.float()) if size == 0 else relative_error(found, expected) < 2e-4


def test_largest_sums_of_eight_bits_do_not_overflow():
    """Processors without VNNI add products by pairs in sixteen bits, and cut off what does not fit."""
    rows = torch.ones(1, 300)
    for sign in (1, -1):
        found = make_product(torch.full((40, 300), sign * 0.5), None, "int8")(rows)
        torch.testing.assert_close(found, torch.full((1, 40), sign * 150.0))


@pytest.mark.parametrize("precision", BOUNDS)
def test_packed_weight_is_a_copy(precision):
    """A change of the model does not reach it."""
    weight, bias, rows = torch.randn(300, 20), torch.randn(300), torch.randn(2, 20)
    product = make_product(weight, bias, precision)
    before = product(rows)
    weight.zero_()
    bias.zero_()
    assert torch.equal(product(rows), before)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8"])
def test_nothing_warns(precision):
    """Not even once: torch is asked to repeat what it says once a process."""
    torch.set_warn_always(True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            make_product(torch.randn(300, 20), None, precision)(torch.randn(1, 20))
    finally:
        torch.set_warn_always(False)


def test_torch_without_the_type_of_eight_bits_has_half_precision(monkeypatch):
    """An old CPU speaks all the same."""
    monkeypatch.delattr(torch, "qint8")
    assert default_precision(CPU) == "float16"
    with pytest.raises(ConfigError, match="precision int8 needs torch's type qint8, which this torch has no more"):
        check_precision("int8", CPU)


def test_precision_that_can_not_be_had_is_refused(monkeypatch):
    """The error lists what this machine has."""
    with pytest.raises(ConfigError, match="there is no precision 'int4'; take one of float32, float16, int8"):
        check_precision("int4", CPU)
    with pytest.raises(ConfigError, match="precision int8 is for CPUs, not for meta; take float32"):
        check_precision("int8", torch.device("meta"))
    monkeypatch.setattr(packed_products, "_engine", lambda: "qnnpack")
    with pytest.raises(ConfigError, match="precision float16 needs torch's engine x86 or fbgemm, here it is qnnpack"):
        check_precision("float16", CPU)
    assert default_precision(CPU) == "float32"
    assert check_precision("float32", CPU) == "float32"


def test_default_is_eight_bits_on_a_cpu_and_full_precision_elsewhere():
    """What is fastest where it runs."""
    assert default_precision(CPU) == "int8"
    assert default_precision(torch.device("meta")) == "float32"

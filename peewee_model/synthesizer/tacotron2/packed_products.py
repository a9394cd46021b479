"""Matrix products of a few rows with a constant matrix, for the decoder steps at inference.

With one row, such a product takes as long as reading its matrix. So the matrix is laid out once, in fewer bytes. No
compiler is needed. ADR 7 has the measurements.
"""

import warnings
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

from peewee_model.errors import ConfigError
from peewee_model.synthesizer.tacotron2.products import PackedWeight

Precision = Literal["float32", "float16", "int8"]
"""Precision of a decoder's weights at inference. `float16`: all weights are rounded to half precision; the arithmetic
is float32. `int8`: weights that are multiplied with hidden states have eight bits and a scale for each output; hidden
states have fourteen bits."""

Product = Callable[[Tensor], Tensor]
"""(B, K) to (B, N), with the bias added."""


def default_precision(device: torch.device) -> Precision:
    """Choose the fastest precision that was found to cause no difference in speech.

    It is `int8`. Where torch can't do that, it is `float16` if fbgemm is there, else `float32`.
    """
    order: tuple[Precision, ...] = ("int8", "float16", "float32")
    return next(precision for precision in order if _refusal(precision, device) is None)


def check_precision(precision: str, device: torch.device) -> Precision:
    """Check that a device can compute products of a precision.

    Raises:
        ConfigError: If they can't, or if there is no such precision.
    """
    known: Precision
    for known in get_args(Precision):
        if precision == known:
            refusal = _refusal(known, device)
            if refusal is None:
                return known
            raise ConfigError(f"precision {known} {refusal}; take float32, or none to have the best chosen")
    raise ConfigError(f"there is no precision {precision!r}; take one of {', '.join(get_args(Precision))}")


def make_product(weight: Tensor, bias: Tensor | None, precision: Precision) -> Product:
    """Lay out a matrix for products.

    Args:
        weight: float32; copied, so that later changes do not matter. (N, K)
        bias: (N,)
        precision: A precision that `check_precision` accepts.
    """
    weight, bias = weight.detach().contiguous(), None if bias is None else bias.detach().clone()
    makers: dict[Precision, Callable[[Tensor, Tensor | None], Product]] = {
        "float32": _float32_product,
        "float16": _float16_product,
        "int8": _Int8Product,
    }
    return makers[precision](weight, bias)


def _refusal(precision: Precision, device: torch.device) -> str | None:
    """Return why a device does not have a precision; None if it has it."""
    if precision == "float32":
        return None
    if device.type != "cpu":
        return f"is for CPUs, not for {device.type}"
    if _engine() not in ("x86", "fbgemm"):
        return f"needs torch's engine x86 or fbgemm, here it is {_engine()}"
    if precision == "int8" and not hasattr(torch, "qint8"):
        return "needs torch's type qint8, which this torch has no more"
    return None


def _engine() -> str:
    """Return the name of torch's engine for rounded weights; fbgemm has two names."""
    return str(torch.backends.quantized.engine)


def _float32_product(weight: Tensor, bias: Tensor | None) -> Product:
    packed = PackedWeight(weight.clone(), n_rows=1)
    return packed if bias is None else lambda rows: packed(rows).add_(bias)


def _float16_product(weight: Tensor, bias: Tensor | None) -> Product:
    packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
    multiply = torch.ops.quantized.linear_dynamic_fp16.default
    return lambda rows: multiply(rows, packed)


class _Int8Product:
    """Whole numbers multiplied by fbgemm, which reads weights of eight bits once for all rows.

    A row is split into two rows of seven bits: whole units, each a 63rd of its largest number; and the remainder, in
    units of a 126th of that. So a row keeps fourteen bits, and sums of pairs fit into the sixteen bits that processors
    without VNNI have for them. Sums are exact, so a row's product does not depend on the other rows.
    """

    _HIGH = 63
    _LOW = 2 * _HIGH

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._bias = bias
        scales = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny).double() / 127
        whole = (weight / scales[:, None]).round().to(torch.int8)
        with warnings.catch_warnings():  # torch warns that this type will be removed; `_refusal` checks whether it was
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            no_offsets = torch.zeros(len(weight), dtype=torch.int64)
            rounded = torch._make_per_channel_quantized_tensor(whole, scales, no_offsets, 0)
            self._packed = torch.ops.quantized.linear_prepack(rounded, None)
        self._multiply = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32.default

    def __call__(self, rows: Tensor) -> Tensor:
        n = len(rows)
        units = rows.abs().amax(1, keepdim=True).clamp_min_(1e-30).div_(self._HIGH)
        exact = rows / units
        both = torch.cat((exact.round(), exact))
        both[n:].sub_(both[:n]).mul_(self._LOW)
        sums: Tensor = self._multiply(both, 1.0, self._HIGH + 1, self._packed)  # rounds the second half
        result = sums[:n].add_(sums[n:], alpha=1 / self._LOW)
        return result.mul_(units) if self._bias is None else torch.addcmul(self._bias, result, units)

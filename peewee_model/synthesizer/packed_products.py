"""Matrix products of a few rows with a matrix that does not change: what a decoder step at inference is made of.

With one row such a product takes as long as reading its matrix takes, so the matrix is laid out once and kept in fewer
bytes; rows and sums stay float32. No compiler is needed, and none of torch's quantised tensor types, which are on their
way out. ADR 7 has what was measured.
"""

from collections.abc import Callable
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from peewee_model.errors import ConfigError
from peewee_model.synthesizer.products import PackedWeight

Precision = Literal["float32", "float16", "int8"]
"""Of a decoder's weights at inference; the arithmetic is always float32. `float16`: all weights rounded to half
precision. `int8`: those that are multiplied with hidden states have eight bits, with a range for every 256 of them."""

Product = Callable[[Tensor], Tensor]
"""(B, K) to (B, N), with the bias added."""


def default_precision(device: torch.device) -> Precision:
    """Choose the fastest of which no difference was found in speech: `int8` where fbgemm is, else `float32`."""
    return "int8" if _refusal("int8", device) is None else "float32"


def check_precision(precision: str, device: torch.device) -> Precision:
    """Find out whether products of a precision can be made on a device.

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
        precision: One that `check_precision` lets pass.
    """
    weight, bias = weight.detach().contiguous(), None if bias is None else bias.detach().clone()
    makers: dict[Precision, Callable[[Tensor, Tensor | None], Product]] = {
        "float32": _float32_product,
        "float16": _float16_product,
        "int8": _Int8Product,
    }
    return makers[precision](weight, bias)


def _refusal(precision: Precision, device: torch.device) -> str | None:
    """Why a precision can't be had on a device; None if it can."""
    if precision == "float32":
        return None
    if device.type != "cpu":
        return f"is for CPUs, not for {device.type}"
    if _engine() not in ("x86", "fbgemm"):
        return f"needs torch's engine x86 or fbgemm, here it is {_engine()}"
    return None


def _engine() -> str:
    """What torch multiplies rounded weights with; fbgemm has two names."""
    return str(torch.backends.quantized.engine)


def _float32_product(weight: Tensor, bias: Tensor | None) -> Product:
    packed = PackedWeight(weight.clone(), n_rows=1)
    return packed if bias is None else lambda rows: packed(rows).add_(bias)


def _float16_product(weight: Tensor, bias: Tensor | None) -> Product:
    packed = torch.ops.quantized.linear_prepack_fp16(weight, bias)
    multiply = torch.ops.quantized.linear_dynamic_fp16.default
    return lambda rows: multiply(rows, packed)


class _Int8Product:
    """Sums rows of a table of bytes, each times a number: fbgemm's embedding bags, made for other ends.

    They widen bytes in registers, so that only bytes are read. They do not share a reading among items; with more items
    the same weights are multiplied as half precision.
    """

    _BLOCK = 256
    """Columns of the table: sums of so many fit into registers."""
    _MAX_ROWS = 2
    """From the third item on, half precision is faster."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self._bias, (self._n_out, n_in) = bias, weight.shape
        n_blocks = -(-self._n_out // self._BLOCK)
        padded = F.pad(weight, (0, 0, 0, n_blocks * self._BLOCK - self._n_out))
        blocks = padded.view(n_blocks, self._BLOCK, n_in).transpose(1, 2).reshape(-1, self._BLOCK)
        self._table = torch.ops.quantized.embedding_bag_byte_prepack(blocks.contiguous())
        rounded = torch.ops.quantized.embedding_bag_byte_unpack(self._table).view(n_blocks, n_in, self._BLOCK)
        same = rounded.transpose(1, 2).reshape(-1, n_in)[: self._n_out].contiguous()
        self._many = _float16_product(same, bias)
        self._indices = torch.arange(len(blocks), dtype=torch.int32)
        self._offsets = torch.arange(0, len(blocks), n_in, dtype=torch.int32)
        self._sum = torch.ops.quantized.embedding_bag_byte_rowwise_offsets.default

    def __call__(self, rows: Tensor) -> Tensor:
        if len(rows) > self._MAX_ROWS:
            return self._many(rows)
        sums = self._one(rows) if len(rows) == 1 else torch.cat([self._one(row) for row in rows[:, None]])
        return sums if self._bias is None else sums.add_(self._bias)

    def _one(self, row: Tensor) -> Tensor:
        factors = row.expand(len(self._offsets), -1).reshape(-1)
        blocks: Tensor = self._sum(self._table, self._indices, self._offsets, False, 0, False, factors)
        return blocks.view(1, -1)[:, : self._n_out]

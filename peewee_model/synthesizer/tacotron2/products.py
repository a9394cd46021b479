"""Matrix products where torch's own are slow on CPUs.

torch multiplies single-precision matrices by MKL. MKL packs a matrix again for every product, and does not use AVX-512
on processors of other makers. oneDNN, which torch contains for convolutions, has neither problem: a product of 16 rows
with a matrix that was packed once is four to five times faster, and a large product nearly twice (measured on an AMD
EPYC with 2 threads). Elsewhere plain products are used; the results are the same up to rounding. Gradients of weights
are sums over thousands of rows. They are plain products everywhere, because oneDNN would have to pack both matrices
again.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

_WORTHWHILE = 1 << 18
"""Number of multiplications from which oneDNN saves more time than a call of it takes."""


def _has_onednn(sample: Tensor, n_multiplications: int) -> bool:
    return (
        n_multiplications >= _WORTHWHILE
        and sample.device.type == "cpu"
        and sample.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _onednn_product(rows: Tensor, weight: Tensor) -> Tensor:
    product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
    return product


class PackedWeight:
    """A matrix laid out for many products with few rows each. Not differentiable."""

    def __init__(self, weight: Tensor, n_rows: int) -> None:
        """Pack a matrix.

        Args:
            weight: (N, K)
            n_rows: How many rows a product will have.
        """
        self._packed = _has_onednn(weight, weight.numel() * n_rows)
        self._weight = (
            torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), n_rows) if self._packed else weight.t()
        )

    def __call__(self, rows: Tensor) -> Tensor:
        """Multiply: (B, K) by (N, K) transposed is (B, N)."""
        return _onednn_product(rows, self._weight) if self._packed else rows @ self._weight


def product(rows: Tensor, weight: Tensor) -> Tensor:
    """Multiply: (..., K) by (N, K) transposed is (..., N). Not differentiable."""
    return _onednn_product(rows, weight) if _has_onednn(rows, rows.numel() * len(weight)) else rows @ weight.t()


def linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Do what `torch.nn.functional.linear` does, for many rows. (..., K), (N, K), (N,) are (..., N)."""
    if not _has_onednn(rows, rows.numel() * len(weight)) or torch.is_autocast_enabled("cpu"):
        return F.linear(rows, weight, bias)
    result: Tensor = _Linear.apply(rows, weight, bias)  # type: ignore[no-untyped-call]
    return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return _onednn_product(rows, weight.contiguous()).add_(bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rows, weight = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        grad_rows = _onednn_product(flat, weight.t().contiguous()).view_as(rows)
        return grad_rows, flat.t() @ rows.reshape(-1, rows.shape[-1]), flat.sum(0)

"""Matrix products for loops that multiply by one large matrix hundreds of times, each time with few rows.

On CPUs, torch's own product reads the matrix through MKL, packing it anew every time; oneDNN's, packed once, is four
to five times faster at a batch of 16 (measured on AVX-512, 2 threads). Elsewhere plain products are used.
"""

import torch
from torch import Tensor


def _has_onednn(sample: Tensor) -> bool:
    return (
        sample.device.type == "cpu"
        and sample.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def _onednn_linear(rows: Tensor, weight: Tensor) -> Tensor:
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
        self._packed = _has_onednn(weight)
        self._weight = (
            torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), n_rows) if self._packed else weight.t()
        )

    def __call__(self, rows: Tensor) -> Tensor:
        """Multiply: (B, K) by (N, K) transposed is (B, N)."""
        return _onednn_linear(rows, self._weight) if self._packed else rows @ self._weight


def outer_sum(left: Tensor, right: Tensor) -> Tensor:
    """Sum of outer products: (R, N) and (R, K) are (N, K). The gradient of a weight over all rows at once."""
    if _has_onednn(left):
        return _onednn_linear(left.contiguous().t(), right.contiguous().t())  # other strides are very slow
    return left.t() @ right

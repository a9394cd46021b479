"""An LSTM that runs under any autocast precision on any machine."""

import torch
from torch import Tensor, nn


class LSTM(nn.LSTM):
    """`torch.nn.LSTM`, kept in single precision under a CPU's autocast where that CPU's kernel has no other.

    oneDNN computes an LSTM in half precision only on CPUs with instructions for it; without AVX-512 PyTorch stops
    with "could not create a primitive descriptor". Its linear layers and convolutions do work there.
    """

    def forward(  # type: ignore[override]  # PyTorch's own is overloaded, for packed sequences, which we do not use
        self, inputs: Tensor, state: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Do what `torch.nn.LSTM` does."""
        if inputs.device.type == "cpu" and torch.is_autocast_enabled("cpu") and not _has_lstm_in_half():
            with torch.autocast("cpu", enabled=False):
                return super().forward(inputs.float(), state)
        return super().forward(inputs, state)


def _has_lstm_in_half() -> bool:
    is_bfloat16 = torch.get_autocast_dtype("cpu") == torch.bfloat16
    onednn = torch.ops.mkldnn
    supported = onednn._is_mkldnn_bf16_supported() if is_bfloat16 else onednn._is_mkldnn_fp16_supported()
    return bool(supported)

"""Naturalness by DNSMOS P.835 (Reddy et al. 2022, arXiv:2110.01763; MIT): the quality that listeners would report.

The network receives samples. `speechmos`, whose files it is, is not imported: it imports librosa for another network.
"""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WINDOW = 144_160
"""Samples that the network receives: 9.01 s."""
_OVERALL = (-0.06766283, 1.11546468, 0.04602535)
"""Polynomial from the network's output to the scale of listeners, highest power first; from speechmos."""


class Dnsmos:
    """Estimates the overall quality of an utterance."""

    def __init__(self, folder: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the order of sums, and so the last bits, would follow the cores
        path = str(folder / "sig_bak_ovr.onnx")
        self._session: Any = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def score(self, samples: NDArray[np.float32]) -> float:
        """Return the mean opinion score of an utterance, from 1 to 5.

        A short utterance is repeated until it fills one window. A longer one has as many windows as cover it, evenly
        spaced, whose scores are averaged. `speechmos` repeats to twice the length at least, and has a window each
        second: on 16 recordings that took 4 times as long, and no score moved by more than 0.06, their mean by 0.001.

        Args:
            samples: Mono at `models.SAMPLE_RATE`, in [-1, 1]; not empty.
        """
        if len(samples) < _WINDOW:
            samples = np.resize(samples, _WINDOW)
        starts = np.linspace(0, len(samples) - _WINDOW, math.ceil(len(samples) / _WINDOW)).astype(int)
        windows = [np.ascontiguousarray(samples[start:][:_WINDOW], dtype=np.float32) for start in starts.tolist()]
        raw = [float(self._session.run(None, {"input_1": window[None]})[0][0][2]) for window in windows]
        return float(np.mean(np.polyval(_OVERALL, raw)))

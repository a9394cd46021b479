"""Checks that a safetensors header describes its file correctly, before any library reads a tensor.

This module imports no torch: publishing and auditing work without it.
"""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

MAX_HEADER_SIZE = 8 * 2**20
"""Bytes of a safetensors header. A model of 10,000 tensors has 1.5 MB."""
MAX_DIMENSIONS = 8
_DTYPE_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}


def check_header(path: Path, size: int) -> tuple[str, str] | None:
    """Check that the header describes the file exactly: sizes, shapes, no gap, no overlap.

    Args:
        path: The file.
        size: Its bytes.

    Returns: What was expected and what was found; None if the header is right.
    """
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\xff"))
        if length > min(MAX_HEADER_SIZE, size - 8):
            most = min(MAX_HEADER_SIZE, max(size - 8, 0))
            return f"a safetensors header of at most {most} bytes", f"{length} bytes"
        raw = file.read(length)
    try:
        header = json.loads(raw)
        tensors = {key: value for key, value in header.items() if key != "__metadata__"}
        spans = sorted(_tensor_span(value) for value in tensors.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return "a safetensors header", f"{type(error).__name__}: {error}"
    end = 0
    for start, stop in spans:
        if start != end:
            return f"a tensor at byte {end}", f"one at byte {start}"
        end = stop
    if end != size - 8 - length:
        return f"{end} bytes of tensors", f"{size - 8 - length} bytes"
    return None


def _tensor_span(tensor: Mapping[str, Any]) -> tuple[int, int]:
    start, stop = tensor["data_offsets"]
    shape = tensor["shape"]
    if not all(type(number) is int and number >= 0 for number in (start, stop, *shape)) or len(shape) > MAX_DIMENSIONS:
        raise ValueError(f"shape {shape!r} at {start!r} to {stop!r}")
    expected = _DTYPE_BYTES[tensor["dtype"]]
    for length in shape:
        expected *= length
    if stop - start != expected:
        raise ValueError(f"shape {shape} of {tensor['dtype']} takes {expected} bytes, {stop - start} are given to it")
    return start, stop

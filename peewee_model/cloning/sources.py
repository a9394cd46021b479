"""Reads what a user gives as a recording: a file by its path or opened, its content, or samples with their rate."""

import os
from collections.abc import Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import numpy.typing as npt

from peewee_model.audio.clip import Clip
from peewee_model.errors import AudioError, ConfigError
from peewee_model.recordings.containers import kind_of, read_container
from peewee_model.recordings.reading import MAX_BYTES, MAX_CHANNELS, clip_of, read_clip

Recording: TypeAlias = Path | str | bytes | BinaryIO | Clip | tuple[Any, int]
"""A file, by its path or opened in binary mode; its content; a `Clip`; or (samples, sample rate).

Samples are an array of numpy or torch, (S,), (S, C) or (C, S): floats of full scale 1, or integers of 8, 16 or 32 bits.
"""
Reference: TypeAlias = Recording | Sequence[Recording]
"""Recordings of one voice."""

WANTED = "a path, bytes, an open binary file, a Clip, or (samples, sample_rate)"


def recordings_of(reference: Reference) -> list[Recording]:
    """List the recordings of a reference: one alone, or several.

    Raises:
        ConfigError: If it is neither.
        AudioError: ``empty`` if there is none.
    """
    if _is_one(reference):
        return [reference]  # type: ignore[list-item]
    if _is_array(reference):
        raise ConfigError("the reference is an array without its sample rate; give (samples, sample_rate)")
    if isinstance(reference, dict | set) or not isinstance(reference, Iterable):
        raise ConfigError(f"the reference is {_kind(reference)}; give {WANTED}, or a list of them")
    recordings = list(reference)
    if not recordings:
        raise AudioError("empty", "the reference is an empty list; give at least one recording")
    return recordings


def read_source(source: Recording, name: str, *, max_duration_s: float) -> Clip:
    """Read one recording.

    Args:
        source: The recording.
        name: Its name in an error, if it has no path.
        max_duration_s: Longer ones are refused.

    Raises:
        AudioError: If it can't be used.
        ConfigError: If it is no recording at all.
    """
    if isinstance(source, Clip):
        return _from_array(source.samples, source.sample_rate, name, max_duration_s)
    if isinstance(source, tuple) and len(source) == 2:
        return _from_array(*source, name, max_duration_s)
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        name, content = str(path), _head(path)
        if kind_of(content):
            return read_container(_rest(path, name), name, max_duration_s=max_duration_s)
        return read_clip(path, max_duration_s=max_duration_s)
    content = bytes(source) if isinstance(source, bytes | bytearray | memoryview) else _from_file(source, name)
    if kind_of(content):
        return read_container(content, name, max_duration_s=max_duration_s)
    return read_clip(content, max_duration_s=max_duration_s, name=name)


def _is_one(reference: Any) -> bool:
    if isinstance(reference, tuple):
        return len(reference) == 2 and any(_is_array(one) or isinstance(one, Real) for one in reference)
    single = (str, os.PathLike, bytes, bytearray, memoryview, Clip)
    return isinstance(reference, single) or hasattr(reference, "read")


def _is_array(value: Any) -> bool:
    return hasattr(value, "dtype") and hasattr(value, "shape") and bool(getattr(value, "ndim", 0))


def _head(path: Path) -> bytes:
    """Return a file's first bytes; none if it can't be read, which is `read_clip`'s to report."""
    try:
        with path.open("rb") as file:
            return file.read(32) if path.is_file() else b""
    except (OSError, ValueError):
        return b""


def _rest(path: Path, name: str) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise AudioError("too_long", f"{name} has more than {MAX_BYTES} bytes; cut it")
    return path.read_bytes()


def _from_file(file: Any, name: str) -> bytes:
    if not hasattr(file, "read"):
        raise ConfigError(f"{name} is {_kind(file)}; give {WANTED}")
    try:
        if file.seekable():
            file.seek(0)  # what was just written to a BytesIO ends where it would be read
        content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise AudioError("unreadable", f"{name}, an open file, can't be read: {error}; open it with 'rb'") from None
    if not isinstance(content, bytes | bytearray):
        raise ConfigError(f"{name} is a file opened as text; open it with 'rb'")
    if len(content) > MAX_BYTES:
        raise AudioError("too_long", f"{name} has more than {MAX_BYTES} bytes; cut it")
    return bytes(content)


def _from_array(samples: Any, sample_rate: Any, name: str, max_duration_s: float) -> Clip:
    if _is_array(sample_rate) and isinstance(samples, Real):
        raise ConfigError(f"{name}: the samples come first; give (samples, sample_rate)")
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, Real) or float(sample_rate) % 1:
        raise ConfigError(f"{name}: the sample rate is {sample_rate!r:.50}; give a whole number of Hz, such as 16000")
    if not _is_array(samples):
        raise ConfigError(f"{name}: the samples are {_kind(samples)}; give an array of numpy or torch, with its rate")
    if float(sample_rate) <= 0:
        raise AudioError("wrong_rate", f"{name}: the sample rate is {sample_rate} Hz; give the one of the recording")
    array = _scaled(np.asarray(samples.detach().cpu().numpy() if hasattr(samples, "detach") else samples), name)
    return clip_of(
        _channels_last(_scaled(array, name), name), int(float(sample_rate)), name, max_duration_s=max_duration_s
    )


def _scaled(array: npt.NDArray[Any], name: str) -> npt.NDArray[np.float32]:
    """Bring full scale to 1."""
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    if array.dtype == np.uint8:
        return (array.astype(np.float32) - np.float32(128)) / np.float32(128)
    if array.dtype in (np.int8, np.int16, np.int32):
        return (array / 2.0 ** (8 * array.dtype.itemsize - 1)).astype(np.float32)
    raise ConfigError(
        f"{name}: samples of {array.dtype} have no known full scale; give floats of full scale 1, or int16"
    )


def _channels_last(array: npt.NDArray[np.float32], name: str) -> npt.NDArray[np.float32]:
    """Find which axis is the channels: the one that is short enough. (S,), (S, C) or (C, S) -> (S, C)"""
    if array.size == 0:
        raise AudioError("empty", f"{name} has no samples; its shape is {array.shape}")
    if array.ndim == 1:
        return array[:, np.newaxis]
    short = [axis for axis, n in enumerate(array.shape) if n <= MAX_CHANNELS]
    if array.ndim != 2 or len(short) != 1:
        raise AudioError(
            "unreadable",
            f"{name} has shape {array.shape}; give one channel (S,), or up to {MAX_CHANNELS} as (S, C) or (C, S)",
        )
    return array if short[0] == 1 else np.ascontiguousarray(array.T)


def _kind(value: Any) -> str:
    return "None" if value is None else f"of type {type(value).__name__}"

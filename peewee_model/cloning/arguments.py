"""Checks what a program passes to `VoiceCloner`: a mistake is one of our errors, which names it and the remedy."""

import operator
import os
from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from typing import Any

import torch

from peewee_model.errors import ConfigError, TextError

_LUFS = (-70.0, 0.0)


def text_of(text: Any) -> str:
    """Return a text.

    Raises:
        TextError: If it is none.
    """
    if not isinstance(text, str):
        raise TextError(f"the text is of type {type(text).__name__}; give a str")
    return text


def list_of(values: Any, what: str) -> list[Any]:
    """List what was passed as several values.

    Raises:
        ConfigError: If it is one value, or none that can be listed.
    """
    if isinstance(values, str | bytes | dict | set) or not isinstance(values, Iterable):
        raise ConfigError(f"{what} are of type {type(values).__name__}; give a list")
    return list(values)


def seed_of(seed: Any) -> int:
    """Return a seed.

    Raises:
        ConfigError: If it is no whole number.
    """
    try:
        return operator.index(seed)
    except TypeError:
        raise ConfigError(f"the seed is {seed!r:.50}; give a whole number") from None


def loudness_of(lufs: Any) -> float:
    """Return a loudness.

    Raises:
        ConfigError: If nobody could hear it, or no file hold it.
    """
    if not isinstance(lufs, Real) or not _LUFS[0] <= float(lufs) <= _LUFS[1]:
        raise ConfigError(f"the loudness is {lufs!r:.50}; give LUFS from {_LUFS[0]:g} to {_LUFS[1]:g}, such as -23")
    return float(lufs)


def path_of(path: Any, what: str) -> Path:
    """Return a path.

    Raises:
        ConfigError: If it is none.
    """
    if not isinstance(path, str | os.PathLike):
        raise ConfigError(f"{what} is of type {type(path).__name__}; give a path")
    return Path(os.fsdecode(path))


def device_of(device: Any) -> torch.device:
    """Return a device that computes here.

    Raises:
        ConfigError: If torch knows none of this name, or can't use it.
    """
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError, TypeError, NotImplementedError) as error:
        why = str(error).partition("\n")[0]
        raise ConfigError(
            f"the device {device!r:.50} can't be used: {why}; give cpu, or cuda where there is one"
        ) from None
    return found

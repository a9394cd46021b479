"""Checkpoints of a running training: safetensors with the loop's state as JSON in the header.

A file's name is `<step>-<first 16 hex digits of its sha256>.safetensors`. It is written under a temporary name and
renamed, and its hash is checked when it is read; if it is damaged, the checkpoint before it is used. Checkpoints are
outside of DVC's outputs, which DVC deletes before a stage runs. The folder's name contains a fingerprint of everything
that the training reads, so that no run resumes from a checkpoint of a different training.
"""

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from peewee_model.errors import PeeweeError

log = logging.getLogger(__name__)

ROOT = Path(".checkpoints")
N_KEPT = 2


class NotFiniteError(PeeweeError):
    """A loss or a weight became NaN or infinite."""


def fingerprint(settings: str, inputs: list[Path]) -> str:
    """Hash what a training reads: its settings, and the sizes and last bytes of its input files.

    A Parquet file ends with its statistics, row counts and sizes; a model is small enough to be hashed as a whole. To
    read more would need a pass over the corpus at each start, and DVC has hashed the files already.
    """
    digest = hashlib.sha256(settings.encode())
    for root in inputs:
        for path in sorted(root.rglob("*")) if root.is_dir() else [root]:
            if path.is_file():
                with path.open("rb") as file:
                    size = file.seek(0, 2)
                    file.seek(max(0, size - (1 << 26 if path.suffix == ".safetensors" else 1 << 16)))
                    digest.update(f"{path.relative_to(root)} {size} ".encode() + file.read())
    return digest.hexdigest()[:16]


def save_checkpoint(
    folder: Path,
    step: int,
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
    state: Mapping[str, Any],
) -> Path:
    """Write a checkpoint whole or not at all, and drop all but the newest `N_KEPT`.

    Args:
        folder: Folder of this training's checkpoints.
        step: Steps done.
        modules: Everything with weights, by name.
        optimizers: By name.
        state: Further state that the loop needs to continue, as JSON.

    Raises:
        NotFiniteError: If a tensor is not finite; nothing is written.
    """
    tensors, plain = _flatten(modules, optimizers)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise NotFiniteError(
                f"step {step}: {name} is not finite; the last checkpoint in {folder} is from before. Lower the "
                "learning rate, or look at the data of the steps since"
            )
    header = {"step": str(step), "state": json.dumps(state), "optimizers": json.dumps(plain)}
    data = save(tensors, header)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{step:08d}-{hashlib.sha256(data).hexdigest()[:16]}.safetensors"
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
    part.replace(path)
    for old in sorted(folder.glob("*-*.safetensors"))[:-N_KEPT]:
        old.unlink()
    return path


def load_newest(
    folder: Path, modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> tuple[int, dict[str, Any]] | None:
    """Fill modules and optimizers, in place, from the newest checkpoint that is not damaged.

    Returns:
        Steps done and the loop's state, or None if there is nothing to resume from.
    """
    for path in sorted(folder.glob("*-*.safetensors"), reverse=True):
        if hashlib.sha256(path.read_bytes()).hexdigest()[:16] != path.stem.split("-")[1]:
            log.warning("checkpoint damaged, trying the one before it: path=%s", path)
            continue
        try:
            with safe_open(path, "pt") as file:
                header = file.metadata()
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except SafetensorError:
            log.warning("checkpoint unreadable, trying the one before it: path=%s", path)
            continue
        _unflatten(tensors, json.loads(header["optimizers"]), modules, optimizers)
        return int(header["step"]), json.loads(header["state"])
    return None


def forget(folder: Path) -> None:
    """Remove a finished training's checkpoints."""
    shutil.rmtree(folder, ignore_errors=True)


def _flatten(
    modules: Mapping[str, nn.Module], optimizers: Mapping[str, torch.optim.Optimizer]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    tensors = {
        f"module/{name}/{key}": tensor.detach().cpu().contiguous().clone()
        for name, module in modules.items()
        for key, tensor in module.state_dict().items()
    }
    plain: dict[str, Any] = {}
    for name, optimizer in optimizers.items():
        state = optimizer.state_dict()
        plain[name] = {"param_groups": state["param_groups"], "state": {}}
        for index, values in state["state"].items():
            for key, value in values.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer/{name}/{index}/{key}"] = value.detach().cpu().contiguous().clone()
                else:
                    plain[name]["state"].setdefault(str(index), {})[key] = value
    return tensors, plain


def _unflatten(
    tensors: dict[str, Tensor],
    plain: dict[str, Any],
    modules: Mapping[str, nn.Module],
    optimizers: Mapping[str, torch.optim.Optimizer],
) -> None:
    for name, module in modules.items():
        prefix = f"module/{name}/"
        module.load_state_dict({key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)})
    for name, optimizer in optimizers.items():
        state: dict[int, dict[str, Any]] = {int(i): dict(values) for i, values in plain[name]["state"].items()}
        prefix = f"optimizer/{name}/"
        for key, value in tensors.items():
            if key.startswith(prefix):
                index, field = key[len(prefix) :].split("/", 1)
                state.setdefault(int(index), {})[field] = value
        optimizer.load_state_dict({"state": state, "param_groups": plain[name]["param_groups"]})

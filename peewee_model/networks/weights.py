"""A model on disk: `config.json` beside `model.safetensors`. Nothing pickled is written or read."""

import json
from pathlib import Path
from typing import Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from peewee_model.errors import ConfigError, ShapeError

Config = TypeVar("Config", bound=BaseModel)


WeightType = Literal["float32", "float16"]


class WeightsConfig(BaseModel):
    """How weights are saved (`weights` in params.yaml)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: WeightType
    """`float16` makes a release half as large; a model that loads it still computes in float32."""


def save_model(folder: Path, module: nn.Module, config: BaseModel, dtype: WeightType = "float32") -> None:
    """Write a module's weights and its config into a folder.

    Args:
        folder: Made if it is not there.
        module: Whose state is saved.
        config: What is needed to build the module again.
        dtype: Of the floating-point tensors in the file.

    Raises:
        ConfigError: If a weight is not finite, because the training failed, or is too large for the type.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: _as_saved(folder, name, tensor, dtype) for name, tensor in module.state_dict().items()}
    save_file(tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(config.model_dump(mode="json"), indent=2, sort_keys=True) + "\n")


def _as_saved(folder: Path, name: str, tensor: Tensor, dtype: WeightType) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    if not tensor.is_floating_point():
        return tensor
    if not bool(torch.isfinite(tensor).all()):
        raise ConfigError(f"{folder}: weight {name} is not finite; the training that made it has failed")
    saved = tensor.to(getattr(torch, dtype))
    if not bool(torch.isfinite(saved).all()):
        raise ConfigError(
            f"{folder}: weight {name} reaches {float(tensor.abs().max()):g}, too large for {dtype}; set weights.dtype "
            "to float32"
        )
    return saved


def load_config(folder: Path, kind: type[Config]) -> Config:
    """Read a model's `config.json`.

    Raises:
        ConfigError: If the file is absent, or a field is missing, unknown or wrong; it is named.
    """
    path = folder / "config.json"
    try:
        return kind.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing; is {folder} a model's folder?") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {field}: {first['msg']}") from None


def load_weights(folder: Path, module: nn.Module) -> None:
    """Fill a module with the weights of a folder, in place; what was saved as float16 becomes what the module has.

    Raises:
        ShapeError: If a tensor is missing, unknown, or of another shape than the module's config gives it.
    """
    path = folder / "model.safetensors"
    try:
        tensors = load_file(path)
    except (FileNotFoundError, SafetensorError) as error:
        raise ConfigError(f"{path} can't be read as safetensors: {error}") from None
    expected = module.state_dict()
    for name in sorted(expected.keys() | tensors.keys()):
        if name not in tensors or name not in expected:
            side = "is missing from" if name not in tensors else "is unknown, but is in"
            raise ShapeError(f"tensor {name} {side} {path}; weights and config.json are not of one model")
        if tensors[name].shape != expected[name].shape:
            raise ShapeError(
                f"{path}: tensor {name} is {tuple(tensors[name].shape)}, config.json asks for "
                f"{tuple(expected[name].shape)}"
            )
    module.load_state_dict(tensors)

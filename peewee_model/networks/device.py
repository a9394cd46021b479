"""The device that a network computes on: PEEWEE_DEVICE, for training and for inference."""

import torch

from peewee_model import environment


def training_accelerator() -> str:
    """`auto`, `cpu` or `cuda`, as Lightning Fabric names them."""
    return environment.DEVICE.one_of("auto", "cpu", "cuda")


def inference_device() -> str:
    """`cpu` if PEEWEE_DEVICE says so or there is no GPU, else `cuda`."""
    return "cuda" if torch.cuda.is_available() and training_accelerator() != "cpu" else "cpu"

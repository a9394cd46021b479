"""Which device a stage computes on when it does not train: PEEWEE_DEVICE, as for the training loop."""

import torch

from peewee_model import environment


def inference_device() -> str:
    """`cpu` if PEEWEE_DEVICE says so or there is no GPU, else `cuda`."""
    return "cuda" if torch.cuda.is_available() and environment.DEVICE.one_of("auto", "cpu", "cuda") != "cpu" else "cpu"

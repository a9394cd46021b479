"""The device that a network computes on: PEEWEE_DEVICE, for training and for inference; and how the CPU computes."""

import torch

from peewee_model import environment


def training_accelerator() -> str:
    """`auto`, `cpu` or `cuda`, as Lightning Fabric names them."""
    return environment.DEVICE.one_of("auto", "cpu", "cuda")


def inference_device() -> str:
    """`cpu` if PEEWEE_DEVICE says so or there is no GPU, else `cuda`."""
    return "cuda" if torch.cuda.is_available() and training_accelerator() != "cpu" else "cpu"


def flush_denormals() -> None:
    """Let the CPU take numbers below 1.2e-38, with which some CPUs compute many times slower, for zero.

    It holds for this thread and for those that it starts from now on, so it is called before the first large
    computation, which starts PyTorch's threads. A CPU that can't do it is left as it is.
    """
    torch.set_flush_denormal(True)

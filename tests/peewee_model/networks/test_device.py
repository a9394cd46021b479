"""Denormal numbers are zero in a process that computes with networks."""

import subprocess
import sys

COUNT = """
import torch
from peewee_model.networks.device import flush_denormals

def count(size):
    return (torch.full((size,), 1e-39) * 0.5).count_nonzero().item()

torch.set_num_threads(2)
before = count(100)  # too few to start a second thread for
flush_denormals()
print(before, count(1 << 22))
"""


def test_denormals_are_zero_in_every_thread():
    """PyTorch's threads start after the call, and inherit it."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["100", "0"]

"""Denormal numbers are zero in a process that computes with networks."""

import subprocess
import sys

COUNT = """
import torch
from peewee_model.networks.device import flush_denormals
{flush}
torch.set_num_threads(2)
tiny = torch.full((1 << 22,), 1e-39)
print((tiny * 0.5).count_nonzero().item())
"""


def _count(flush):
    done = subprocess.run([sys.executable, "-c", COUNT.format(flush=flush)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_denormals_are_zero_in_every_thread():
    """PyTorch's threads start after the call, and inherit it."""
    assert _count("pass") == 1 << 22
    assert _count("flush_denormals()") == 0

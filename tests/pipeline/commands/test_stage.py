"""How a stage's process computes."""

import subprocess
import sys

STAND_IN = """
import torch
import pipeline.stages.embed_speakers as module
from pipeline.commands import stage
module.embed_speakers = lambda: print((torch.full((1 << 20,), 1e-39) * 0.5).count_nonzero().item())
stage._run("embed_speakers")
"""


def test_a_stage_that_uses_torch_takes_denormals_for_zero(tmp_path):
    """Before the stage's first computation."""
    done = subprocess.run([sys.executable, "-c", STAND_IN], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) == 0

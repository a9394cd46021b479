import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

pytestmark = pytest.mark.system
PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.pipeline.training.encoder.test_learner import MELS, params
from pipeline.training.encoder.learner import EncoderLearner
from pipeline.training.loop.loop import train
from peewee_model.networks.weights import save_model

learner = EncoderLearner(MELS, params())
encoder = learner.modules["encoder"]
history = train(learner, params().training.schedule, "run")
save_model(Path("model"), encoder, learner.config)
print("eer", history[-1]["eer"])
"""


def test_two_processes_train_one_encoder(speech, repository):
    """torchrun with two processes: both take part, one writes, and the model is not that of a single process."""
    (speech / "program.py").write_text(PROGRAM)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    weights = {}
    for n_processes in ("1", "2"):
        command = [*launch, n_processes, "program.py", str(repository)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=_environment(repository))
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("eer") == 1
        weights[n_processes] = load_file(speech / "model/model.safetensors")
        subprocess.run(["rm", "-rf", "model", ".checkpoints"], check=True)
    assert weights["1"].keys() == weights["2"].keys()
    assert not torch.equal(weights["1"]["network.projection.weight"], weights["2"]["network.projection.weight"])


def _environment(repository):
    import os

    return os.environ | {"PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1", "PEEWEE_DEVICE": "cpu"}

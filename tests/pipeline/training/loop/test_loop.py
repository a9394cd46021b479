import os
import random
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.training.loop import checkpoints, loop
from pipeline.training.loop.checkpoints import NotFiniteError, fingerprint
from pipeline.training.loop.loop import PreemptedError, Schedule, train, write_history

SCHEDULE = Schedule(seed=3, steps=60, validate_every=20, patience=0, precision="32-true")


class Line:
    """Fits a line through points, with dropout, so that every step draws random numbers."""

    released = "line"
    monitor = "error"
    candidates_from = 0

    def __init__(self, stop_at=None, nan_at=None):
        torch.manual_seed(SCHEDULE.seed)
        self.modules = {"line": nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))}
        self.optimizers = {"adam": torch.optim.Adam(self.modules["line"].parameters(), 0.01)}
        self._stop_at, self._nan_at = stop_at, nan_at

    def batch(self, index):
        return torch.from_numpy(np.random.default_rng((7, index)).normal(size=(16, 4)).astype(np.float32))

    def train_step(self, batch, step, fabric):
        if step + 1 == self._stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        loss = (self.modules["line"](batch)[:, 0] - batch.sum(dim=1)).square().mean()
        if step + 1 == self._nan_at:
            loss = loss * float("nan")
        self.optimizers["adam"].zero_grad()
        fabric.backward(loss)
        self.optimizers["adam"].step()
        return {"loss": loss}

    def validate(self):
        batch = self.batch(10**6)
        return {"error": float((self.modules["line"](batch)[:, 0] - batch.sum(dim=1)).square().mean())}


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def weights(learner):
    return {name: value.clone() for name, value in learner.modules["line"].state_dict().items()}


def assert_equal(left, right):
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


def test_weights_from_before_the_candidates_are_not_kept():
    """Though they were better: here the error rises, for what is minimised changes its sign."""

    class Turning(Line):
        def train_step(self, batch, step, fabric):
            for group in self.optimizers["adam"].param_groups:
                group["maximize"] = step >= 40
            return super().train_step(batch, step, fabric)

    kept = {}
    for start in (0, 41):
        learner = Turning()
        learner.candidates_from = start
        rows = [row for row in train(learner, SCHEDULE, f"{start}") if row["split"] == "validation"]
        learner.modules["line"].eval()
        with torch.no_grad():
            kept[start] = learner.validate()["error"]
    errors = [row["error"] for row in rows]
    assert [row["step"] for row in rows] == [20, 40, 60]
    assert kept[0] == pytest.approx(min(errors)) and errors.index(min(errors)) == 1
    assert kept[41] == pytest.approx(errors[2])


@pytest.mark.parametrize("stop_at", sorted(random.Random(5).sample(range(1, 60), 5)))
def test_resumed_run_equals_uninterrupted_after_sigterm(stop_at):
    """T7, T9: stopped by SIGTERM at a random step and started again, weights and history are equal to the bit."""
    whole = Line()
    history = train(whole, SCHEDULE, "whole")
    with pytest.raises(PreemptedError, match=f"after step {stop_at}"):
        train(Line(stop_at=stop_at), SCHEDULE, "broken")
    resumed = Line()
    assert train(resumed, SCHEDULE, "broken") == history
    assert_equal(weights(resumed), weights(whole))


def test_loss_falls():
    """The loop trains: the last validation error is far below the first."""
    history = [row["error"] for row in train(Line(), SCHEDULE, "run") if row["split"] == "validation"]
    assert history[-1] < history[0] / 1.5


def test_best_weights_are_left_in_the_learner():
    """After the last step the weights with the lowest validation error are in place, not the last ones."""
    learner = Line()
    history = train(learner, SCHEDULE.model_copy(update={"validate_every": 5}), "run")
    best = min(row["error"] for row in history if row["split"] == "validation")
    for module in learner.modules.values():
        module.eval()
    assert learner.validate()["error"] == best


def test_training_stops_early_without_progress():
    """With patience 2 and a metric that never improves, three validations are all there are."""

    class Stuck(Line):
        def validate(self):
            return {"error": 1.0}

    history = train(Stuck(), SCHEDULE.model_copy(update={"validate_every": 5, "patience": 2}), "run")
    assert [row["step"] for row in history if row["split"] == "validation"] == [5, 10, 15]


def test_non_finite_loss_stops_by_name_and_saves_nothing():
    """T10: the step is named, and no checkpoint holds a NaN."""
    with pytest.raises(NotFiniteError, match="step 7: loss is nan"):
        train(Line(nan_at=7), SCHEDULE, "run", checkpoint_every_s=0)
    for path in Path(".checkpoints/run").glob("*.safetensors"):
        assert int(path.name.split("-")[0]) < 7


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "garbage"])
def test_damaged_checkpoint_is_passed_over(damage, caplog):
    """T8: the newest is damaged, the one before it is loaded, and the end is the same."""
    whole = Line()
    train(whole, SCHEDULE, "whole")
    with pytest.raises(PreemptedError):
        train(Line(stop_at=30), SCHEDULE, "run", checkpoint_every_s=0)
    newest = max(Path(".checkpoints/run").glob("*.safetensors"))
    data = bytearray(newest.read_bytes())
    match damage:
        case "truncate":
            del data[len(data) // 2 :]
        case "flip":
            data[-5] ^= 1
        case "empty":
            data.clear()
        case "garbage":
            data[:] = os.urandom(len(data))
    newest.write_bytes(bytes(data))
    resumed = Line()
    train(resumed, SCHEDULE, "run")
    assert "damaged" in caplog.text
    assert_equal(weights(resumed), weights(whole))


def test_kill_during_a_save_leaves_the_checkpoint_before(monkeypatch):
    """T8: a save that dies before its rename leaves no file of a final name."""
    with pytest.raises(PreemptedError):
        train(Line(stop_at=10), SCHEDULE, "run")
    kept = sorted(Path(".checkpoints/run").glob("*.safetensors"))
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        train(Line(), SCHEDULE, "run", checkpoint_every_s=0)
    assert sorted(Path(".checkpoints/run").glob("*.safetensors")) == kept


def test_fingerprint_changes_with_settings_and_data(tmp_path):
    """Another parameter or another input is another run: nothing is resumed by mistake."""
    data = tmp_path / "table"
    data.mkdir()
    (data / "part-00000.parquet").write_bytes(b"one")
    first = fingerprint("a", [data])
    assert fingerprint("b", [data]) != first
    (data / "part-00000.parquet").write_bytes(b"two")
    assert fingerprint("a", [data]) != first


def test_history_has_no_clock_in_it(tmp_path):
    """Two runs write the same bytes."""
    for name in ("one", "two"):
        write_history(tmp_path / name, train(Line(), SCHEDULE, name))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert checkpoints.ROOT == loop.ROOT


def test_warm_training_is_measured_first_and_keeps_weights_that_no_step_betters():
    """The first row is that of the weights it started from, and where all steps are worse, they stay."""

    class Perfect(Line):
        def __init__(self):
            super().__init__()
            self.modules["line"] = nn.Linear(4, 1, bias=False)
            nn.init.ones_(self.modules["line"].weight)
            self.optimizers = {"adam": torch.optim.SGD(self.modules["line"].parameters(), 0.01)}

        def train_step(self, batch, step, fabric):
            loss = self.modules["line"](batch).square().mean()
            fabric.backward(loss)
            self.optimizers["adam"].step()
            return {"loss": loss}

    learner = Perfect()
    before = weights(learner)
    history = train(learner, SCHEDULE, "run", warm=True)
    assert history[0] == {"step": 0, "split": "validation", "error": pytest.approx(0, abs=1e-12)}
    assert_equal(weights(learner), before)


@pytest.mark.parametrize("stop_at", [3, 20, 41])
def test_resumed_warm_run_equals_uninterrupted(stop_at):
    """The first measure is not taken again."""
    whole = Line()
    history = train(whole, SCHEDULE, "whole", warm=True)
    with pytest.raises(PreemptedError):
        train(Line(stop_at=stop_at), SCHEDULE, "broken", warm=True)
    resumed = Line()
    assert train(resumed, SCHEDULE, "broken", warm=True) == history
    assert_equal(weights(resumed), weights(whole))

"""The training loop of all models: encoder, synthesizer and vocoder are learners that it runs.

A resumed run equals an uninterrupted one in every bit, because random numbers do not depend on earlier steps. The batch
of step k and the random numbers of step k are functions of (seed, k) alone. So weights, optimizers and k are the whole
state. Lightning Fabric handles devices, precision and several processes. (Also considered: Lightning's Trainer, whose
hooks do not suit a GAN's two optimizers; Accelerate, whose data loader determines the order of batches.)

Its log lines carry the run, the step and the exact losses as fields too: `pipeline.tracking` listens there.
"""

import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from lightning_fabric import Fabric
from pydantic import Field
from torch import Tensor, nn
from tqdm import tqdm

from peewee_model.errors import TryAgainError
from peewee_model.networks.device import training_accelerator
from pipeline.params.params import Section
from pipeline.training.loop.checkpoints import ROOT, NotFiniteError, load_newest, save_checkpoint
from pipeline.training.loop.prefetch import Prefetch

log = logging.getLogger(__name__)


class PreemptedError(TryAgainError):
    """The run was asked to stop (SIGTERM) and has saved its state. A new start continues from there."""


class Schedule(Section):
    """How long a training runs (`training.schedule` of a model in params.yaml)."""

    seed: int
    """Seed of the first weights, the batches and the dropouts."""
    steps: int = Field(ge=0)
    """Greatest number of steps; 0 keeps the weights of the release that `base` names."""
    validate_every: int = Field(ge=1)
    """Steps between validations; each is a row of training.jsonl."""
    patience: int = Field(ge=0)
    """Stop early after this many validations without a better one; 0 to run all steps."""
    precision: str
    """Precision, by Lightning Fabric's names: 32-true, bf16-mixed, 16-mixed."""


class Learner(Protocol):
    """The interface of a model to the loop. Checkpoints contain `modules` and `optimizers`."""

    modules: dict[str, nn.Module]
    """Everything with weights. The loop replaces the modules by wrapped ones: use them through this dict."""
    optimizers: dict[str, torch.optim.Optimizer]
    monitor: str
    """The validation metric that decides which weights are best: the lower, the better."""
    candidates_from: int
    """First step whose weights can be the best, because a later part of a training may have another loss than the
    first."""

    def batch(self, index: int) -> Any:
        """Make batch `index`, on the CPU: a function of the learner's seed and `index` alone.

        Called from a thread while `train_step` or `validate` runs.
        """

    def train_step(self, batch: Any, step: int, fabric: Fabric) -> Mapping[str, Tensor]:
        """Do forward, `fabric.backward` and the optimizers' steps; return losses, each ()."""

    def validate(self) -> Mapping[str, float]:
        """Measure on the validation split; the same weights give the same numbers."""


@dataclass
class _State:
    best: float = float("inf")
    best_step: int | None = None
    since_best: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    n_summed: int = 0


def train(
    learner: Learner, schedule: Schedule, run: str, *, warm: bool = False, checkpoint_every_s: float = 300.0
) -> list[dict[str, Any]]:
    """Train, or resume an unfinished run, and load the best weights into the learner's modules.

    Args:
        learner: A new learner. Its weights are random, by the schedule's seed, or those of a release.
        schedule: Length of the training.
        run: `<stage>/<fingerprint>`: names the folder of checkpoints.
        warm: Whether the weights are those of a release. They are then measured before the first step, as the history's
            first row, and are kept if no step makes better ones.
        checkpoint_every_s: Seconds between checkpoints. Results do not depend on it.

    Returns: The rows of training.jsonl, the same for a resumed and an uninterrupted run. If several processes train
        together (torchrun), the first returns and the others end here, so that one process writes the result.

    Raises:
        NotFiniteError: If a loss or a weight is not finite.
        PreemptedError: On SIGTERM, after the state was saved.
    """
    fabric = _fabric(schedule.precision)
    for name, module in learner.modules.items():
        learner.modules[name] = fabric.setup_module(module, move_to_device=True)
    for name, optimizer in learner.optimizers.items():
        learner.optimizers[name] = cast("torch.optim.Optimizer", fabric.setup_optimizers(optimizer))
    folder = ROOT / run
    state = _State()
    step = 0
    resumed = load_newest(folder, learner.modules, learner.optimizers)
    if resumed:
        step, state = resumed[0], _State(**resumed[1])
    log.info("%s run=%s step=%d", "resumed" if resumed else "begins", run, step, extra={"training": run})
    last_save = time.monotonic()
    batches = Prefetch(learner.batch, step * fabric.world_size + fabric.global_rank, fabric.world_size)
    bar = tqdm(total=schedule.steps, initial=step, disable=not sys.stderr.isatty())
    with _sigterm() as stop, batches, bar:
        if warm and not resumed:
            _validate(learner, fabric, folder, step, state)
        while step < schedule.steps and not (schedule.patience and state.since_best >= schedule.patience):
            _train_step(learner, batches.next(), schedule.seed, step, fabric, state)
            step += 1
            bar.update()
            if step % schedule.validate_every == 0 or step == schedule.steps:
                _validate(learner, fabric, folder, step, state)
            if _any(fabric, bool(stop) or time.monotonic() - last_save > checkpoint_every_s):
                _save(fabric, folder, step, learner, state)
                last_save = time.monotonic()
            if _any(fabric, bool(stop)):
                raise PreemptedError(f"{run}: stopped after step {step}; its state is saved, start it again to go on")
    load_newest(folder / "best", learner.modules, {})
    fabric.barrier()
    if not fabric.is_global_zero:
        raise SystemExit(0)
    return state.history


def write_history(path: Path, history: list[dict[str, Any]]) -> None:
    """Write the rows of a training as JSON lines, without clocks."""
    path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in history))


def _fabric(precision: str) -> Fabric:
    torch.use_deterministic_algorithms(True, warn_only=True)
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # set by torchrun
    nodes = int(os.environ.get("GROUP_WORLD_SIZE", "1"))
    accelerator = training_accelerator()
    fabric = Fabric(accelerator=accelerator, devices=processes, num_nodes=nodes, precision=precision)  # type: ignore[arg-type]
    fabric.launch()
    return fabric


@contextmanager
def _sigterm() -> Iterator[list[int]]:
    """Record SIGTERM in a list instead of ending."""
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def _any(fabric: Fabric, here: bool) -> bool:
    """Return whether it is true in any process: barriers follow, so all processes must take the same branch."""
    if fabric.world_size == 1:
        return here
    return bool(torch.as_tensor(fabric.all_reduce(torch.tensor(float(here)), reduce_op="sum")) > 0)


def _train_step(learner: Learner, made: Any, seed: int, step: int, fabric: Fabric, state: _State) -> None:
    batch = fabric.to_device(made)
    torch.manual_seed(seed * 1_000_003 + step * fabric.world_size + fabric.global_rank)
    for module in learner.modules.values():
        module.train()
    for name, loss in learner.train_step(batch, step, fabric).items():
        value = float(loss.detach())
        if value != value or value in (float("inf"), float("-inf")):
            raise NotFiniteError(f"step {step + 1}: {name} is {value}; lower the learning rate, or look at this batch")
        state.sums[name] = state.sums.get(name, 0.0) + value
    state.n_summed += 1


def original(module: nn.Module) -> nn.Module:
    """Return the module without the loop's wrapper, to call methods other than forward, outside of training."""
    return cast(nn.Module, getattr(module, "module", module))


def _validate(learner: Learner, fabric: Fabric, folder: Path, step: int, state: _State) -> None:
    means = {name: total / state.n_summed for name, total in state.sums.items()}
    if means:
        state.history.append({"step": step, "split": "train", **means})
    state.sums, state.n_summed = {}, 0
    for module in learner.modules.values():
        module.eval()
    torch.manual_seed(0)
    with torch.no_grad():
        metrics = dict(learner.validate())
    state.history.append({"step": step, "split": "validation", **metrics})
    shown = {**{f"train_{name}": value for name, value in means.items()}, **metrics}
    text = " ".join(f"{name}={value:.4g}" for name, value in shown.items())
    log.info("step=%d %s", step, text, extra={"step": step, "losses": {"train": means, "validation": metrics}})
    if step < learner.candidates_from:
        fabric.barrier()
        return
    state.since_best += 1
    if metrics[learner.monitor] < state.best or state.best_step is None:
        state.best, state.best_step, state.since_best = metrics[learner.monitor], step, 0
        if fabric.is_global_zero:
            save_checkpoint(folder / "best", step, learner.modules, {}, {})
    fabric.barrier()


def _save(fabric: Fabric, folder: Path, step: int, learner: Learner, state: _State) -> None:
    if fabric.is_global_zero:
        save_checkpoint(folder, step, learner.modules, learner.optimizers, vars(state))
    fabric.barrier()

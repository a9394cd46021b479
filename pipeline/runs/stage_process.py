"""The part of `python -m pipeline STAGE` that serves a worker. Without a worker it does nothing."""

import json
import os
import sys
from pathlib import Path

from peewee_model import environment
from pipeline.graph.stages import load_stages

REFUSED = 2


def before_stage(stage: str) -> int | None:
    """Refuse a stage that is not the task's; start several processes for a training that uses them.

    DVC runs an ancestor again if its record does not match. A task of one stage must never do so: it would, for
    example, train an encoder on the machine for evaluation, and nobody would notice.

    Returns: An exit code if the stage must not run. For several processes, this process becomes torchrun.
    """
    wanted = environment.RUN_STAGE.read()
    if wanted and wanted != stage:
        print(
            f"{stage}: the task of run {environment.RUN.read() or '?'} is {wanted}, and DVC wants {stage} anew: "
            "its entry does not fit the commit's code and parameters. Nothing was run; plan a new run",
            file=sys.stderr,
        )
        return REFUSED
    n_processes = environment.PROCESSES.count() or 1
    if n_processes > 1 and "LOCAL_RANK" not in os.environ and _launcher(stage) == "torchrun":
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
        os.execv(sys.executable, [sys.executable, *torchrun, "-m", "pipeline", stage])  # noqa: S606 - our own arguments
    return None


def _launcher(stage: str) -> object:
    return load_stages()[stage].get("meta", {}).get("launcher")


def leave_outcome(code: int, seconds: float) -> None:
    """Record for the worker how this process ended, because DVC and torchrun do not pass on the exit code."""
    if folder := environment.OUTCOMES.read():
        outcome = json.dumps({"exit_code": code, "seconds": round(seconds, 3)})
        (Path(folder) / f"{os.getpid()}.json").write_text(outcome)

"""What the command of a stage, `python -m pipeline STAGE`, does for the worker that called it; else, nothing."""

import json
import os
import sys
from pathlib import Path

from peewee_model import environment
from pipeline.graph.stages import load_stages

REFUSED = 2


def before_stage(stage: str) -> int | None:
    """Refuse a stage that the run's task does not name; start the processes of one that trains with several.

    DVC runs an ancestor again when its record does not fit. A task for one stage must never do so: it would train an
    encoder on the machine that is to evaluate, and nobody would know.

    Returns:
        An exit code if the stage is not to run. Where it gets several processes this one becomes torchrun.
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
        os.execv(sys.executable, [sys.executable, *torchrun, "-m", "pipeline", stage])  # noqa: S606 - our own
    return None


def _launcher(stage: str) -> object:
    return load_stages()[stage].get("meta", {}).get("launcher")


def leave_outcome(code: int, seconds: float) -> None:
    """Tell the worker how this process ended: DVC and torchrun keep the exit code to themselves."""
    if folder := environment.OUTCOMES.read():
        outcome = json.dumps({"exit_code": code, "seconds": round(seconds, 3)})
        (Path(folder) / f"{os.getpid()}.json").write_text(outcome)

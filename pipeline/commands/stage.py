"""One stage of dvc.yaml, as `python -m pipeline STAGE` runs it."""

import importlib
import os
import sys
import time
from pathlib import Path

import pipeline
from peewee_model.entry import framed
from peewee_model.errors import PeeweeError
from pipeline.graph.stages import GRAPH, load_stages
from pipeline.logs import log_to_stderr
from pipeline.release.links import write_link
from pipeline.runs.stage_process import before_stage, leave_outcome

STAGES = Path(pipeline.__file__).parent / "stages"


def main(arguments: list[str]) -> int:
    """Run the named stage; an error that a user can fix is one line on stderr."""
    names = sorted(path.stem for path in STAGES.glob("*.py") if path.stem != "__init__")
    if len(arguments) != 1 or arguments[0] not in names:
        print(f"usage: python -m pipeline STAGE, one of: {', '.join(names)}", file=sys.stderr)
        return PeeweeError.exit_code
    log_to_stderr()
    # By default, OpenMP's threads spin while they wait. If another process needs the core, a training step then takes
    # five times as long (1.66 s against 0.32 s) as with threads that sleep. On an idle machine, threads that sleep are
    # slower (1.05 s against 0.67 s for a synthesizer of 4.7 million weights): set the variable to `active` there.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    (stage,) = arguments
    code = framed(stage, lambda: before_stage(stage))
    if code:
        leave_outcome(code, 0.0)
        return code
    began = time.monotonic()
    code = framed(stage, lambda: _run(stage))
    leave_outcome(code, time.monotonic() - began)
    return code


def _run(stage: str) -> None:
    module = importlib.import_module(f"pipeline.stages.{stage}")
    if "torch" in sys.modules:  # only some stages need it, and it takes a second to import
        importlib.import_module("peewee_model.networks.device").flush_denormals()
    getattr(module, stage)()
    if GRAPH.is_file() and os.environ.get("RANK", "0") == "0":  # of several processes (torchrun) the first
        write_link(stage, load_stages()[stage])

"""One stage of dvc.yaml, as `python -m pipeline STAGE` runs it."""

import importlib
import os
import sys
import time
from pathlib import Path

import pipeline
from peewee_model import environment
from peewee_model.entry import framed
from peewee_model.errors import PeeweeError
from pipeline.graph.stages import GRAPH, load_stages
from pipeline.logs import log_to_stderr
from pipeline.release.links import write_link
from pipeline.runs.stage_process import before_stage, leave_outcome
from pipeline.tracking.stage_run import tracked
from pipeline.waiting import choose_waiting

STAGES = Path(pipeline.__file__).parent / "stages"


def main(arguments: list[str]) -> int:
    """Run the named stage; an error that a user can fix is one line on stderr."""
    names = sorted(path.stem for path in STAGES.glob("*.py") if path.stem != "__init__")
    if len(arguments) != 1 or arguments[0] not in names:
        print(f"usage: python -m pipeline STAGE, one of: {', '.join(names)}", file=sys.stderr)
        return PeeweeError.exit_code
    log_to_stderr()
    choose_waiting()
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
    stages = load_stages() if GRAPH.is_file() else {}
    with tracked(stage, stages.get(stage, {})):
        getattr(module, stage)()
    if stages and os.environ.get("RANK", "0") == "0":  # of several processes (torchrun) the first
        write_link(stage, stages[stage])
    if stage == "publish":
        from pipeline.tracking.registry import sync_if_tracked  # here, because no other stage needs a store's code

        sync_if_tracked(environment.STORE.text())

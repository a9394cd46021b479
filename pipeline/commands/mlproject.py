"""`python -m pipeline.commands.mlproject ENTRY`: an entry point of MLproject, as `mlflow run` starts it.

It runs stages of dvc.yaml with an overlay of params.yaml, and leaves params.yaml as it was.
"""

import argparse
import os
import sys
from pathlib import Path

from peewee_model import environment
from peewee_model.entry import run as run_program
from peewee_model.errors import ConfigError, PeeweeError, TryAgainError
from pipeline.commands.check_params import check
from pipeline.commands.entry import command
from pipeline.profiles.borrowing import overlaid
from pipeline.profiles.overlay import read_overlay
from pipeline.runs.process import Stop, run_child
from pipeline.tracking.settings import PARENT_RUN, TRACKING_URI
from pipeline.tracking.weights import save_weights

STAGES = {
    "main": None,
    "train_encoder": "train_encoder",
    "train_tacotron_2": "train_synthesizer",
    "evaluate": "evaluate",
    "publish": "publish",
}
"""The stage of each entry point, which runs what it needs before; None for all stages."""
MODELS = {"train_encoder": Path("models/encoder"), "train_tacotron_2": Path("models/synthesizer")}


class StageFailedError(PeeweeError):
    """DVC reports a stage that failed; its own message is above.

    Args:
        code: DVC's exit code.
    """

    def __init__(self, code: int) -> None:
        super().__init__("dvc repro failed; the reason is above")
        self.exit_code = code if code > 0 else 1


def reproduce(stage: str | None) -> None:
    """Run `dvc repro`. On SIGTERM, a training saves its state first.

    Raises:
        StageFailedError: If a stage failed.
        TryAgainError: If this process was asked to stop.
    """
    python_folder = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{python_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    target = [stage] if stage else []
    with Stop().listening() as stop:
        code = run_child([sys.executable, "-m", "dvc", "repro", *target], env, stop, environment.GRACE_S.seconds())
    if stop.asked:
        raise TryAgainError("asked to stop; start it again to go on")
    if code:
        raise StageFailedError(code)


def _config(path: Path) -> Path:
    if not path.is_file():
        known = ", ".join(sorted(str(found) for found in path.parent.glob("*.y*ml"))) or f"nothing in {path.parent}"
        raise ConfigError(f"--config-path: there is no {path}; there is {known}")
    return path


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


@command("mlproject")
def main(arguments: list[str]) -> int:
    """Run an entry point."""
    parser = argparse.ArgumentParser(prog="python -m pipeline.commands.mlproject")
    parser.add_argument("entry", choices=STAGES)
    parser.add_argument("--config-path", type=Path, required=True, help="an overlay, such as those in config/")
    parser.add_argument("--save-model", type=_flag, default=False, help="true: the weights become artifacts of the run")
    asked = parser.parse_args(arguments)
    if asked.save_model and not (PARENT_RUN.is_set() and TRACKING_URI.is_set()):
        raise ConfigError("--save-model true needs a run of MLflow to save into; start this by `mlflow run`")
    with overlaid(read_overlay(_config(asked.config_path)), check):
        reproduce(STAGES[asked.entry])
    if asked.save_model:
        save_weights(str(PARENT_RUN.read()), MODELS[asked.entry])
    return 0


if __name__ == "__main__":
    run_program("mlproject", lambda: main(sys.argv[1:]))

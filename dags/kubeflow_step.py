"""The command of a Kubeflow step: runs the worker's command, with values that Kubeflow gives as text.

    python -m dags.kubeflow_step --environment=PEEWEE_STORE=... --write=commit=FILE plan --run R --overrides={}

An empty value counts as not given, so that a Secret's value is used. A plan's overrides become options of the worker.
The worker's answer is written to Kubeflow's output files. This program ends with the worker's exit code, and passes on
signals to the worker.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from dags.commands import REFUSED, WORKER, plan_arguments, run_arguments, seal_arguments

REQUEST = ("profile", "revision", "overrides", "reason")
ENVIRONMENT = {"repository": "PEEWEE_REPOSITORY", "remote": "PEEWEE_REMOTE", "store": "PEEWEE_STORE"}
PUBLISH = "publish"
PUBLISH_ANYWAY = {"publish_anyway": "PEEWEE_PUBLISH_ANYWAY"}
PLAN = "plan"
SEAL = "seal"
OUTPUTS = {PLAN: ("commit",), SEAL: ("version",)}
"""The values of the worker's answer that a step returns."""
_RUN = "kubeflow-"  # so that branch and records name the run's origin


def step_inputs(step: str) -> tuple[str, ...]:
    """List the inputs of a step."""
    if step == PLAN:
        return ("run", *REQUEST, *ENVIRONMENT)
    if step == SEAL:
        return ("run", *ENVIRONMENT)
    return ("run", "commit", *ENVIRONMENT, *(PUBLISH_ANYWAY if step == PUBLISH else ()))


def step_command(step: str, values: Mapping[str, str]) -> list[str]:
    """Make the command of a step.

    Args:
        step: A stage, PLAN or SEAL.
        values: Its inputs, and the files of its outputs, by name; or placeholders for them.
    """
    run = f"{_RUN}{values['run']}"
    names = ENVIRONMENT | (PUBLISH_ANYWAY if step == PUBLISH else {})
    if step == PLAN:
        arguments = [PLAN, f"--run={run}", *(f"--{name}={values[name]}" for name in REQUEST)]
    else:
        arguments = seal_arguments(run) if step == SEAL else run_arguments(step, run, values["commit"])
    return [
        *("python", "-m", "dags.kubeflow_step"),
        *(f"--environment={variable}={values[name]}" for name, variable in names.items()),
        *(f"--write={name}={values[name]}" for name in OUTPUTS.get(step, ())),
        *arguments,
    ]


def worker_arguments(arguments: Sequence[str]) -> list[str]:
    """Make the arguments of `python -m pipeline.commands.worker` from those after this program's own options.

    Raises:
        ValueError: If a plan's overrides are not a JSON object.
    """
    if not arguments or arguments[0] != PLAN:
        return list(arguments)
    parser = argparse.ArgumentParser(prog=PLAN)
    parser.add_argument("--run", required=True)
    for name in REQUEST:
        parser.add_argument(f"--{name}", default="")
    request = vars(parser.parse_args(arguments[1:]))
    return plan_arguments(request.pop("run"), request)


def main(given: Sequence[str]) -> int:
    """Run the worker, and write its answer to the output files."""
    parser = argparse.ArgumentParser(prog="python -m dags.kubeflow_step")
    parser.add_argument("--environment", action="append", default=[], metavar="NAME=VALUE", help="empty: not given")
    parser.add_argument("--write", action="append", default=[], metavar="KEY=FILE", help="a value of the answer")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="plan, run or seal, with its options")
    options = parser.parse_args(given)
    variables = dict(item.split("=", 1) for item in options.environment)
    try:
        arguments = worker_arguments(options.arguments)
    except ValueError as error:
        print(f"kubeflow_step: {error}", file=sys.stderr)
        return REFUSED
    code, answer = _run(
        [sys.executable, "-m", WORKER, *arguments], {key: text for key, text in variables.items() if text}
    )
    if code == 0:
        for key, file in (item.split("=", 1) for item in options.write):
            value = json.loads(answer)[key]
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            Path(file).write_text("" if value is None else str(value), encoding="utf-8")
    return code if code >= 0 else 128 - code


def _run(command: list[str], variables: Mapping[str, str]) -> tuple[int, str]:
    """Run a command, and pass on its output and signals to this program; return its exit code and last line."""
    print("run:", *command[1:], file=sys.stderr, flush=True)
    last = ""
    with subprocess.Popen(command, env=os.environ | variables, stdout=subprocess.PIPE, text=True) as process:

        def pass_on(number: int, frame: FrameType | None) -> None:
            process.send_signal(number)

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, pass_on)
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

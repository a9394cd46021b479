"""The arguments of commands that runners call, the same on Airflow, Kubernetes and Kubeflow.

Each list follows `python -m MODULE`. Values that a runner fills in later, such as a run's identity, may be placeholders
of that runner.
"""

import json
from collections.abc import Mapping

WORKER = "pipeline.commands.worker"
RELEASE_CHECK = "pipeline.commands.release_check"
CORPUS_WATCH = "pipeline.commands.corpus_watch"
RELEASE_AUDIT = "pipeline.commands.release_audit"

REFUSED = 2
"""Exit code of errors that trying again can't fix: configuration, data, the gate."""
DIFFERS = 3
"""Exit code of an audit that found a difference."""
NOT_ALL_SEEN = 4
"""Exit code of an audit that found no difference but could not read everything."""
FINAL = (REFUSED, DIFFERS, NOT_ALL_SEEN)
"""Exit codes that fail a task at once: trying again gives the same."""


def plan_arguments(run: str, request: Mapping[str, str]) -> list[str]:
    """Make the arguments that plan a run.

    Args:
        run: Identity of the run.
        request: `revision`, `profile` and `reason`, each of them empty for none, and `overrides`: a JSON object from
            dotted keys of params.yaml to values.

    Raises:
        ValueError: If `overrides` is no JSON object.
    """
    arguments = ["plan", "--run", run]
    for name in ("revision", "profile", "reason"):
        if value := request.get(name, "").strip():
            arguments.append(f"--{name}={value}")  # one word: a reason may begin with a dash
    overrides = json.loads(request.get("overrides") or "{}")
    if not isinstance(overrides, dict):
        raise ValueError(f'overrides are {overrides!r}; write them as {{"encoder.training.schedule.steps": 200}}')
    for key, value in sorted(overrides.items()):
        arguments += ["--set", f"{key}={json.dumps(value)}"]  # JSON is YAML
    return arguments


def run_arguments(stage: str, run: str, commit: str) -> list[str]:
    """Make the arguments that run one stage of a planned run."""
    return ["run", stage, "--run", run, "--commit", commit]


def seal_arguments(run: str) -> list[str]:
    """Make the arguments that write a run's result into git."""
    return ["seal", "--run", run]

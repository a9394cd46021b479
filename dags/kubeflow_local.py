"""The same pipeline on this machine, without a cluster: Kubeflow's local runner, the same steps, one after the other.

    python -m dags.kubeflow_local profile=mini 'overrides={"encoder.training.schedule.steps": 200}'

Values of a Secret on a cluster are environment variables here. See docs/kubeflow.md.
"""

import copy
import json
import shlex
import sys
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

from kfp import dsl, local

from dags.graph import Needs
from dags.kubeflow_pipeline import Retrained, connect
from dags.kubeflow_step import step_inputs


@dsl.component(base_image="python", install_kfp_package=False)  # type: ignore[untyped-decorator]
def local_step(
    step: str,
    run: str,
    commit: str = "",
    profile: str = "",
    revision: str = "",
    overrides: dict = {},  # type: ignore[type-arg]  # noqa: B006, as in the pipeline
    reason: str = "",
    publish_anyway: str = "",
    repository: str = "",
    remote: str = "",
    store: str = "",
) -> NamedTuple("Outputs", commit=str, version=str):  # type: ignore[valid-type]
    """Run the command of this step's container. Only this function's source is sent there."""
    import json
    import subprocess
    import sys
    import tempfile
    from pathlib import Path

    from dags.kubeflow_step import OUTPUTS, step_command

    given = {
        "run": run, "commit": commit, "profile": profile, "revision": revision, "overrides": json.dumps(overrides),
        "reason": reason, "publish_anyway": publish_anyway, "repository": repository, "remote": remote, "store": store,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        files = {name: f"{folder}/{name}" for name in OUTPUTS.get(step, ())}
        python, *arguments = step_command(step, given | files)
        assert python == "python"
        if code := subprocess.run([sys.executable, *arguments], check=False).returncode:
            sys.exit(code)
        found = {name: Path(file).read_text(encoding="utf-8") for name, file in files.items()}
    return (found.get("commit", ""), found.get("version", ""))


def processes(step: str, doc: str, needs: Needs, given: Mapping[str, Any]) -> dsl.PipelineTask:
    """Make a step that is a process of this machine, with whatever cores and memory it has."""
    component = copy.deepcopy(local_step)
    component.component_spec.name = step.replace("_", "-")
    return component(step=step, **{name: given[name] for name in step_inputs(step)}).set_caching_options(False)


def run_here(outputs: str, **parameters: Any) -> Retrained:
    """Run the pipeline to its end.

    Args:
        outputs: A folder for files that Kubeflow keeps between steps.
        parameters: The pipeline's.

    Raises:
        RuntimeError: If a step fails.
    """
    local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=outputs)
    python = sys.executable
    sys.executable = shlex.quote(python)  # Kubeflow's runner writes the path into a shell's text as it is
    try:
        task = connect(processes)(**parameters)
    finally:
        sys.executable = python
    return Retrained(commit=task.outputs["commit"], version=task.outputs["version"])


if __name__ == "__main__":
    given = dict(item.split("=", 1) for item in sys.argv[1:])
    if "overrides" in given:
        given["overrides"] = json.loads(given["overrides"])
    with tempfile.TemporaryDirectory(prefix="peewee-kubeflow-") as folder:
        try:
            print(json.dumps(run_here(folder, **given)._asdict()))
        except RuntimeError as error:
            sys.exit(f"kubeflow_local: {error}")

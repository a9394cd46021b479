"""The graph as a pipeline of Kubeflow: `make kubeflow` writes it to infra/kubeflow/pipeline.yaml.

    PEEWEE_KUBERNETES='{"image": ...}' python -m dags.kubeflow_pipeline FILE

The same steps, edges, commands and resources as Airflow's `peewee_retrain`; docs/kubeflow.md.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kfp import compiler, dsl, kubernetes

from dags import graph
from dags.graph import Needs, last_stages, load_graph
from dags.kubeflow_step import OUTPUTS, PLAN, SEAL, step_command, step_inputs
from dags.settings import ROOT, SECRET_KEYS, SHARED_MEMORY, KubernetesSettings, Settings, requested_cpu

FOLDER = ROOT / "infra" / "kubeflow"
PIPELINE = FOLDER / "pipeline.yaml"
EXAMPLE = FOLDER / "settings.json"
"""The settings that are compiled in if PEEWEE_KUBERNETES is not set."""
NAME = "peewee-retrain"

MakeStep = Callable[[str, str, Needs, Mapping[str, Any]], dsl.PipelineTask]
"""Makes a task from a step's name, its description, its needs, and its inputs."""


class Retrained(NamedTuple):
    """The outputs of a run."""

    commit: str
    version: str


def connect(make: MakeStep, image: str = "") -> Any:
    """Lay the graph's edges between `plan` and `seal`.

    Args:
        make: Makes the task of a step.
        image: What steps run in, if a run says nothing else.
    """

    @dsl.pipeline(name=NAME, description="Corpora to a released voice model: plan, dvc.yaml's stages, seal.")  # type: ignore[untyped-decorator]
    def retrain(
        profile: str = "",
        revision: str = "HEAD",
        overrides: dict = {},  # type: ignore[type-arg]  # noqa: B006, kfp reads it, and takes no other
        reason: str = "",
        publish_anyway: str = "",
        repository: str = "",
        remote: str = "",
        store: str = "",
        image: str = image,
    ) -> Retrained:
        """Retrain, gate, publish.

        Args:
            profile: Overlay of params.yaml, such as `mini`; empty for none.
            revision: Branch, tag or commit.
            overrides: Values of params.yaml: {"encoder.training.schedule.steps": 200}. The run commits them.
            reason: Why, for whoever reads the history.
            publish_anyway: Why a release that fails its gate is published all the same; recorded with it.
            repository: What git clones, and where `seal` pushes; empty for the Secret's PEEWEE_REPOSITORY.
            remote: s3://bucket/prefix where runs keep what they make.
            store: s3://bucket/prefix where releases go.
            image: What steps run in; it has the pipeline.
        """
        given = {
            "run": dsl.PIPELINE_JOB_ID_PLACEHOLDER, "profile": profile, "revision": revision, "overrides": overrides,
            "reason": reason, "publish_anyway": publish_anyway, "repository": repository, "remote": remote,
            "store": store, "image": image,
        }  # fmt: skip
        stages = load_graph()
        plan = make(PLAN, "Fix the commit, the parameters and the identity of this run.", graph.PLAN, given)
        given["commit"] = plan.outputs["commit"]
        tasks: dict[str, dsl.PipelineTask] = {}
        for name, stage in stages.items():
            before = [tasks[other] for other in stage.upstream] or [plan]
            tasks[name] = make(name, stage.desc, Needs.of(stage), given).after(*before)
        seal = make(SEAL, "Commit `dvc.lock` on a branch, and tag the release.", graph.SEAL, given)
        seal.after(*(tasks[name] for name in last_stages(stages)))
        return Retrained(commit=plan.outputs["commit"], version=seal.outputs["version"])

    return retrain


def containers(settings: Settings) -> MakeStep:
    """Make steps that run in containers on a cluster."""

    def make(step: str, doc: str, needs: Needs, given: Mapping[str, Any]) -> dsl.PipelineTask:
        component = _component(step, doc, settings.kubernetes.image)
        task = component(**{name: given[name] for name in step_inputs(step)})
        task.set_display_name(step)
        task.set_caching_options(False)  # DVC decides which steps have changed
        task.set_container_image(given["image"])
        task.set_env_variable("PEEWEE_GRACE_S", str(settings.grace_s))
        _retry(task, needs, settings)
        _ask(task, needs, settings.kubernetes)
        _place(task, needs, settings.kubernetes)
        return task

    return make


def compile_pipeline(path: Path, environment: Mapping[str, str]) -> None:
    """Write the pipeline as KFP's intermediate representation.

    Args:
        path: The YAML file.
        environment: PEEWEE_KUBERNETES and other variables of `settings`.

    Raises:
        ValueError: If a setting is wrong.
    """
    settings = Settings.from_environment(environment)
    path.parent.mkdir(parents=True, exist_ok=True)
    compiler.Compiler().compile(connect(containers(settings), settings.kubernetes.image), str(path))


def _component(step: str, doc: str, image: str) -> Any:
    """Make a container component; its command is made of placeholders."""
    inputs, outputs = step_inputs(step), OUTPUTS.get(step, ())
    types = {name: dict if name == "overrides" else str for name in inputs} | dict.fromkeys(
        outputs, dsl.OutputPath(str)
    )

    def container(*placeholders: object) -> dsl.ContainerSpec:
        command = step_command(step, {name: str(value) for name, value in zip(types, placeholders, strict=True)})
        return dsl.ContainerSpec(image=image or "none", command=command[:3], args=command[3:])

    container.__name__ = step
    container.__doc__ = doc
    container.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # what kfp reads
        [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=of) for name, of in types.items()]
    )
    return dsl.container_component(container)


def _retry(task: dsl.PipelineTask, needs: Needs, settings: Settings) -> None:
    """Try again after pauses that double.

    Argo counts `backoff_max_duration` from the start of the first try, and gives up after it, even if tries are left.
    So it covers all tries, with their start-up, and all pauses. A single pause has no limit.
    """
    pauses = settings.retry_delay_s * (2**needs.retries - 1)
    tries = (needs.retries + 1) * (needs.timeout_s + settings.kubernetes.startup_timeout_s)
    task.set_retry(
        needs.retries,
        backoff_duration=f"{settings.retry_delay_s:.0f}s",
        backoff_factor=2.0,
        backoff_max_duration=f"{tries + pauses:.0f}s",
    )


def _ask(task: dsl.PipelineTask, needs: Needs, settings: KubernetesSettings) -> None:
    """Request cores, memory, GPUs, shared memory and time."""
    task.set_cpu_request(requested_cpu(needs.cpu)).set_cpu_limit(str(needs.cpu))
    task.set_memory_request(needs.memory).set_memory_limit(needs.memory)
    if needs.gpu:
        task.set_accelerator_type(settings.gpu_resource).set_accelerator_limit(needs.gpu)
        kubernetes.empty_dir_mount(task, volume_name="shm", mount_path=SHARED_MEMORY, medium="Memory")
    kubernetes.set_timeout(task, needs.timeout_s)


def _place(task: dsl.PipelineTask, needs: Needs, settings: KubernetesSettings) -> None:
    """Set the nodes and the Secrets."""
    for key, value in {**settings.node_selector, **(settings.gpu_node_selector if needs.gpu else {})}.items():
        kubernetes.add_node_selector(task, key, value)
    for toleration in (*settings.tolerations, *(settings.gpu_tolerations if needs.gpu else ())):
        kubernetes.add_toleration(
            task,
            key=toleration.get("key"),
            operator=toleration.get("operator"),
            value=toleration.get("value"),
            effect=toleration.get("effect"),
            toleration_seconds=toleration.get("tolerationSeconds"),
        )
    named: dict[str, str] = {}
    for secret in settings.secrets:
        keys = settings.secret_keys.get(secret, SECRET_KEYS)
        if twice := [key for key in keys if named.setdefault(key, secret) != secret]:
            raise ValueError(
                f"PEEWEE_KUBERNETES: {', '.join(twice)} would come from {named[twice[0]]} and from {secret}; "
                'say in secret_keys what each holds: {"' + secret + '": ["PEEWEE_REPOSITORY"]}'
            )
        kubernetes.use_secret_as_env(
            task, secret, {key: key for key in keys}, optional=secret not in settings.secret_keys
        )
    if settings.image_pull_secrets:
        kubernetes.set_image_pull_secrets(task, list(settings.image_pull_secrets))


if __name__ == "__main__":
    compile_pipeline(
        Path(sys.argv[1]) if sys.argv[1:] else PIPELINE,
        {"PEEWEE_KUBERNETES": EXAMPLE.read_text(encoding="utf-8")} | os.environ,
    )

"""Makes Airflow tasks from the pipeline's commands, for the configured runner."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.sdk import Asset, BaseOperator

from dags.alerts import log_retry, tell_failure
from dags.graph import Needs
from dags.settings import Settings, pipeline_python, variable, worker_environment

_POD_MARGIN = datetime.timedelta(minutes=5)  # the cluster ends an overdue pod first, with a clear reason


def make_task(
    settings: Settings,
    task_id: str,
    module: str,
    arguments: Sequence[str],
    needs: Needs,
    doc_md: str,
    *,
    request: Mapping[str, str] | None = None,
    environment: Mapping[str, str] | None = None,
    outlets: Sequence[Asset] = (),
    inlets: Sequence[Asset] = (),
    post_execute: Callable[..., None] | None = None,
    on_success: Callable[..., None] | None = None,
) -> BaseOperator:
    """Make a task that runs `python -m MODULE ARGUMENTS`.

    Args:
        settings: The runner and its settings.
        task_id: Its name.
        module: The module to run.
        arguments: Arguments of the module, with templates.
        needs: Required resources.
        doc_md: Its documentation on Airflow's page.
        request: The request of a plan; None for all other commands.
        environment: Variables besides those that every command receives.
        outlets: Assets that are updated when it succeeds.
        inlets: Assets whose events it reads.
        post_execute: Called after it, in Airflow, with the context and the result.
        on_success: Called at the very end.
    """
    common: dict[str, Any] = {
        "task_id": task_id,
        "module": module,
        "arguments": list(arguments),
        "request": request,
        "environment": worker_environment(settings.runner) | dict(environment or {}),
        "grace_s": settings.grace_s,
        "on_success_callback": on_success,
        "outlets": list(outlets),
        "inlets": list(inlets),
        "post_execute": post_execute,
    } | policy(settings, needs, doc_md)
    if settings.runner == "local":
        from dags.local_worker import LocalWorker

        return LocalWorker(python=variable("python", pipeline_python()), **common)
    from dags.worker_pod import WorkerPod  # imports the Kubernetes client, which takes a second

    return WorkerPod(
        deadline_s=needs.timeout_s,
        gpu=needs.gpu,
        cpu=needs.cpu,
        memory=needs.memory,
        settings=settings.kubernetes,
        **common | {"execution_timeout": common["execution_timeout"] + _POD_MARGIN},
    )


def policy(settings: Settings, needs: Needs, doc_md: str) -> dict[str, Any]:
    """Return the common arguments of all operators."""
    return {
        "doc_md": doc_md,
        "owner": settings.owner,
        "pool": settings.gpu_pool if needs.gpu else settings.pool,
        "pool_slots": max(needs.gpu, 1),
        "execution_timeout": datetime.timedelta(seconds=needs.timeout_s),
        "retries": needs.retries,
        "retry_delay": datetime.timedelta(seconds=settings.retry_delay_s),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": datetime.timedelta(seconds=settings.max_retry_delay_s),
        "on_retry_callback": log_retry,
        "on_failure_callback": tell_failure,
    }

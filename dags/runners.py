"""From one of our commands to a task of Airflow, on the runner that is set."""

import datetime
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from airflow.sdk import Asset, BaseOperator

from dags.alerts import log_retry, tell_failure
from dags.graph import Needs
from dags.settings import Settings, pipeline_python, variable, worker_environment

_POD_MARGIN = datetime.timedelta(minutes=5)  # the cluster ends an overdue pod first, and says so


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
        settings: Which runner, and how.
        task_id: Its name.
        module: What to run.
        arguments: What stands after it, with templates.
        needs: Of the machine.
        doc_md: What the page shows of it.
        request: Of a plan alone.
        environment: Beside what every command is told.
        outlets: Assets that its success updates.
        inlets: Assets whose events it reads.
        post_execute: Called after it, in Airflow, with the context and the result.
        on_success: Called when all that is done.
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
    """What holds for every task of ours, as arguments of an operator."""
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

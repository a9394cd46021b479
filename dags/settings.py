"""The settings of a platform team. docs/airflow.md has the table.

There are two kinds. Settings that change a DAG (the runner, the schedule) are environment variables of the process that
parses DAG files. Settings of a task are Airflow variables, which are read when the task runs; their defaults are
environment variables too. Secrets come from Airflow connections (runner `local`) or Kubernetes Secrets (runner
`kubernetes`).
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).parent.parent
WEEKLY = "0 3 * * 6"
DAILY = "0 5 * * *"
Runner = Literal["local", "kubernetes"]
SHARED_MEMORY = "/dev/shm"  # noqa: S108, a mount of pods: PyTorch's workers hand batches over there
SECRET_KEYS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "PEEWEE_REPOSITORY",
    "MLFLOW_TRACKING_URI",
    "MLFLOW_TRACKING_USERNAME",
    "MLFLOW_TRACKING_PASSWORD",
)
"""Keys of a Secret, for Kubeflow, where each key has to be named."""
_MAX_REQUESTED_CPU = 4


@dataclass(frozen=True)
class KubernetesSettings:
    """Settings of pods: PEEWEE_KUBERNETES is a JSON object with these keys."""

    image: str = ""
    """Container image of the worker's command."""
    namespace: str = "default"
    service_account: str | None = None
    image_pull_secrets: tuple[str, ...] = ()
    """Names of Secrets."""
    secrets: tuple[str, ...] = ()
    """Names of Secrets whose keys become environment: AWS_ACCESS_KEY_ID, PEEWEE_REPOSITORY, ..."""
    secret_keys: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The keys of each Secret, for Kubeflow, which needs them one by one; SECRET_KEYS for a Secret that isn't here."""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    gpu_node_selector: Mapping[str, str] = field(default_factory=dict)
    """For stages with a GPU, in addition to `node_selector`."""
    tolerations: tuple[Mapping[str, Any], ...] = ()
    """As in a pod's manifest."""
    gpu_tolerations: tuple[Mapping[str, Any], ...] = ({"key": "nvidia.com/gpu", "operator": "Exists"},)
    gpu_resource: str = "nvidia.com/gpu"
    startup_timeout_s: int = 1200
    """Seconds to start a node and pull the image."""
    connection: str = "kubernetes_default"
    """Airflow's, with the cluster's address."""
    in_cluster: bool | None = None


@dataclass(frozen=True)
class Settings:
    """The settings that change the DAGs."""

    runner: Runner = "local"
    schedule: str | None = WEEKLY
    """Cron, UTC, of the retraining; None to retrain only for the corpus asset or by hand."""
    daily: str | None = DAILY
    """Cron, UTC, of the audit and of the corpus watch."""
    owner: str = "peewee"
    gpu_pool: str = "peewee_gpu"
    """Airflow's pool for stages with a GPU; a slot a GPU."""
    pool: str = "default_pool"
    """Airflow's pool for all other stages."""
    retry_delay_s: float = 60.0
    """Before the first retry; it doubles each time, up to `max_retry_delay_s`."""
    max_retry_delay_s: float = 1800.0
    grace_s: int = 60
    """Seconds that a stage that must stop has to save its state."""
    kubernetes: KubernetesSettings = field(default_factory=KubernetesSettings)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read PEEWEE_*.

        Raises:
            ValueError: Names the variable, its value, and the allowed values.
        """
        runner = environment.get("PEEWEE_RUNNER") or "local"
        if runner not in ("local", "kubernetes"):
            raise ValueError(f"PEEWEE_RUNNER is {runner!r}; write local or kubernetes")
        return cls(
            runner="kubernetes" if runner == "kubernetes" else "local",
            schedule=_cron(environment, "PEEWEE_SCHEDULE", WEEKLY),
            daily=_cron(environment, "PEEWEE_DAILY", DAILY),
            owner=environment.get("PEEWEE_OWNER") or "peewee",
            gpu_pool=environment.get("PEEWEE_GPU_POOL") or "peewee_gpu",
            pool=environment.get("PEEWEE_POOL") or "default_pool",
            retry_delay_s=_number(environment, "PEEWEE_RETRY_DELAY_S", 60.0),
            max_retry_delay_s=_number(environment, "PEEWEE_MAX_RETRY_DELAY_S", 1800.0),
            grace_s=int(_number(environment, "PEEWEE_GRACE_S", 60)),
            kubernetes=_kubernetes(environment.get("PEEWEE_KUBERNETES") or "{}"),
        )


def variable(name: str, default: str = "") -> str:
    """Make the template that reads Airflow's variable `peewee_NAME`, or else PEEWEE_NAME of this environment."""
    value = os.environ.get(f"PEEWEE_{name.upper()}") or default
    return f"{{{{ var.value.get('peewee_{name}', {json.dumps(value)}) }}}}"


def pipeline_python() -> str:
    """Return the Python that has the pipeline: the repository's own environment, if it exists."""
    own = ROOT / ".venv" / "bin" / "python"
    return str(own) if own.exists() else "python3"


def worker_environment(runner: Runner) -> dict[str, str]:
    """Return the environment variables of all commands, as templates; none of them is secret."""
    return {
        "PEEWEE_REPOSITORY": variable("repository", str(ROOT) if runner == "local" else ""),
        "PEEWEE_REMOTE": variable("remote"),
        "PEEWEE_STORE": variable("store"),
        "MLFLOW_TRACKING_URI": variable("mlflow_tracking_uri", os.environ.get("MLFLOW_TRACKING_URI", "")),
        "PEEWEE_TASK_PAGE": "{{ ti.log_url }}",  # the run in MLflow points to it
    }


def requested_cpu(cpu: int) -> str:
    """Return the cores that a pod requests for a given limit; cores can be shared, memory can't."""
    return str(min(cpu, _MAX_REQUESTED_CPU))


def _cron(environment: Mapping[str, str], name: str, default: str) -> str | None:
    """Check a schedule by Airflow's own timetable; a wrong one would stop the scheduler for all DAGs."""
    value = (environment.get(name) or default).strip()
    if value.lower() == "none":
        return None
    try:
        from croniter import CroniterError, croniter
    except ModuleNotFoundError:
        return value  # Kubeflow's environment needs no schedule; Airflow installs croniter
    try:
        croniter(value).get_next()
    except (CroniterError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(
            f"{name} is {value!r}, which is no cron ({error}); write five fields, such as {default!r}, or @weekly, or "
            "none"
        ) from None
    return value


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    value = environment.get(name) or default
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if number < 0:
        raise ValueError(f"{name} is {value!r}; write a number of seconds")
    return number


def _kubernetes(text: str) -> KubernetesSettings:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"PEEWEE_KUBERNETES is no JSON: {error}") from None
    known = {item.name for item in fields(KubernetesSettings)}
    if not isinstance(document, dict) or document.keys() - known:
        unknown = ", ".join(sorted(document.keys() - known)) if isinstance(document, dict) else repr(document)
        raise ValueError(f"PEEWEE_KUBERNETES: {unknown} is unknown; it takes an object of {', '.join(sorted(known))}")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in document.items()
    }
    return KubernetesSettings(**values)

"""The runner `kubernetes`: a command of the pipeline's image, in a pod of its own."""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.cncf.kubernetes.operators.pod import KubernetesPodOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from kubernetes.client import models as k8s

from dags.commands import FINAL, plan_arguments
from dags.settings import SHARED_MEMORY, KubernetesSettings, requested_cpu

RESULT = "/airflow/xcom/return.json"
_MARGIN_S = 30


class WorkerPod(KubernetesPodOperator):  # type: ignore[misc]  # Airflow is not in the checker's environment
    """Runs `python -m MODULE ARGUMENTS` in a pod; the JSON object that it writes is the result.

    Exit codes 2 to 4 (`commands.FINAL`) fail the task for good, any other is tried again. The pod is deleted when the
    task ends, is cleared or times out; its command then has time to save its state.

    Args:
        module: The module to run.
        arguments: Arguments of the module; for a plan, the run's identity alone.
        request: The request of a plan (see `commands.plan_arguments`); None for all other commands.
        environment: For the container; no secrets.
        grace_s: Seconds that a command that must stop has to save its state.
        deadline_s: Seconds after which the cluster ends the pod.
        gpu: How many.
        cpu: How many cores at most.
        memory: As Kubernetes writes it.
        settings: Settings of pods.
    """

    arguments: list[str]
    env_vars: list[k8s.V1EnvVar]
    template_fields: Sequence[str] = (*KubernetesPodOperator.template_fields, "request")
    ui_color = "#e3efe6"

    def __init__(
        self,
        *,
        module: str,
        arguments: Sequence[str],
        request: Mapping[str, str] | None = None,
        environment: Mapping[str, str],
        grace_s: int,
        deadline_s: int,
        gpu: int,
        cpu: int,
        memory: str,
        settings: KubernetesSettings,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            kubernetes_conn_id=settings.connection,
            in_cluster=settings.in_cluster,
            namespace=settings.namespace,
            image=settings.image,
            image_pull_secrets=[k8s.V1LocalObjectReference(name=name) for name in settings.image_pull_secrets],
            service_account_name=settings.service_account,
            automount_service_account_token=False,
            labels={"app.kubernetes.io/name": "peewee-tts"},
            cmds=["python", "-m", module],
            arguments=list(arguments),
            env_vars=dict(environment) | {"PEEWEE_RESULT": RESULT, "PEEWEE_GRACE_S": str(grace_s)},
            env_from=[k8s.V1EnvFromSource(secret_ref=k8s.V1SecretEnvSource(name=name)) for name in settings.secrets],
            container_resources=_resources(gpu, cpu, memory, settings.gpu_resource),
            node_selector={**settings.node_selector, **(settings.gpu_node_selector if gpu else {})},
            tolerations=[
                k8s.V1Toleration(**_snake_case(item))
                for item in (*settings.tolerations, *(settings.gpu_tolerations if gpu else ()))
            ],
            volumes=[k8s.V1Volume(name="shm", empty_dir=k8s.V1EmptyDirVolumeSource(medium="Memory"))] if gpu else [],
            volume_mounts=[k8s.V1VolumeMount(name="shm", mount_path=SHARED_MEMORY)] if gpu else [],
            active_deadline_seconds=deadline_s,
            startup_timeout_seconds=settings.startup_timeout_s,
            termination_grace_period=grace_s + _MARGIN_S,
            on_finish_action="delete_pod",
            do_xcom_push=True,
            log_pod_spec_on_failure=False,  # it shows the whole environment
            log_events_on_failure=True,
            **kwargs,
        )
        self.request = request

    def execute(self, context: Context) -> Any:
        """Run the pod and wait for it."""
        if self.request is not None:
            self.arguments = plan_arguments(self.arguments[0], self.request)
        # An empty value would hide the value of a Secret.
        self.env_vars = [item for item in self.env_vars if item.value or item.value_from]
        return super().execute(context)

    def cleanup(
        self,
        pod: k8s.V1Pod,
        remote_pod: k8s.V1Pod,
        xcom_result: dict[str, Any] | None = None,
        context: Context | None = None,
    ) -> None:
        """Clean up, and distinguish a refusal from a failure that another try may fix."""
        try:
            super().cleanup(pod, remote_pod, xcom_result, context)
        except AirflowException as error:
            if exit_code(remote_pod, self.base_container_name) in FINAL:
                raise AirflowFailException(str(error)) from None
            raise


def exit_code(pod: k8s.V1Pod | None, container: str) -> int | None:
    """Read how a container of a pod ended; None if that is not known."""
    statuses = (pod.status.container_statuses if pod is not None and pod.status else None) or []
    for status in statuses:
        if status.name == container and status.state and status.state.terminated:
            code: int = status.state.terminated.exit_code
            return code
    return None


def _resources(gpu: int, cpu: int, memory: str, gpu_resource: str) -> k8s.V1ResourceRequirements:
    """Request all of the memory, because a pod without enough memory is killed; cores may be shared."""
    limits = {"cpu": str(cpu), "memory": memory} | ({gpu_resource: str(gpu)} if gpu else {})
    requests = {"cpu": requested_cpu(cpu), "memory": memory}
    return k8s.V1ResourceRequirements(limits=limits, requests=requests)


def _snake_case(toleration: Mapping[str, Any]) -> dict[str, Any]:
    names = {"tolerationSeconds": "toleration_seconds"}
    return {names.get(key, key): value for key, value in toleration.items()}

"""The runner `kubernetes`: how a pod that has ended is tidied up, and what its exit code is to Airflow."""

import pytest

pytestmark = pytest.mark.system

FINISHED = """
import http.server, json, os, threading
asked = []
class Cluster(http.server.BaseHTTPRequestHandler):
    # The few answers of a cluster's API that the end of a pod asks for.
    def answer(self):
        path = self.path.partition("?")[0]
        asked.append([self.command, path])
        nothing = {{"kind": "List", "apiVersion": "v1", "metadata": {{}}, "items": []}}
        found = ApiClient().sanitize_for_serialization(pod) if path.endswith("/pods/p") else nothing
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_GET = do_DELETE = do_PATCH = answer
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Cluster)
threading.Thread(target=server.serve_forever, daemon=True).start()
config = {{
    "apiVersion": "v1", "kind": "Config", "current-context": "c",
    "clusters": [{{"name": "c", "cluster": {{"server": f"http://127.0.0.1:{{server.server_port}}"}}}}],
    "users": [{{"name": "u", "user": {{}}}}], "contexts": [{{"name": "c", "context": {{"cluster": "c", "user": "u"}}}}],
}}
open({folder!r} + "/kubeconfig", "w").write(json.dumps(config))
os.environ["KUBECONFIG"] = {folder!r} + "/kubeconfig"
from airflow.sdk.exceptions import AirflowException
from kubernetes.client import ApiClient
from kubernetes.client import models as k8s
from dags.settings import KubernetesSettings
from dags.worker_pod import WorkerPod
code = {code!r}
task = WorkerPod(
    task_id="t", module="m", arguments=["run"], environment={{"PEEWEE_STORE": "s"}}, grace_s=1, deadline_s=60, gpu=0,
    cpu=1, memory="1Gi", settings=KubernetesSettings(image="i", in_cluster=False),
)
waiting = k8s.V1ContainerState(waiting=k8s.V1ContainerStateWaiting(reason="x"))
sidecar = k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code={sidecar}))
def status(name, state):
    return k8s.V1ContainerStatus(name=name, state=state, image="i", image_id="i", ready=False, restart_count=0)
ended = lambda: k8s.V1ContainerState(terminated=k8s.V1ContainerStateTerminated(exit_code=code, message="what it said"))
statuses = [status("airflow-xcom-sidecar", sidecar), status("base", waiting if code is None else ended())]
pod = k8s.V1Pod(
    metadata=k8s.V1ObjectMeta(name="p", namespace="n", annotations={{}}, labels={{}}),
    spec=k8s.V1PodSpec(containers=[k8s.V1Container(name="base")]),
    status=k8s.V1PodStatus(phase="Succeeded" if code == 0 else "Failed", container_statuses=statuses),
)
try:
    task.cleanup(pod, pod)
    outcome = ["done", ""]
except AirflowException as error:
    outcome = [type(error).__name__, str(error)]
print(json.dumps({{"outcome": outcome, "asked": asked}}))
"""


@pytest.mark.parametrize(
    ("code", "sidecar", "kind"),
    [
        (0, 0, "done"),
        (2, 0, "AirflowFailException"),
        (75, 0, "AirflowException"),
        (1, 0, "AirflowException"),
        (137, 2, "AirflowException"),  # the exit code of another container is not the command's
        (None, 2, "AirflowException"),  # evicted: nobody knows how it ended
    ],
)
def test_pod_that_has_ended_is_deleted_and_only_a_refusal_is_final(in_airflow, tmp_path, code, sidecar, kind):
    """Exit code 2 is not tried again, anything else is; the pod is gone in each case."""
    found = in_airflow(FINISHED.format(folder=str(tmp_path), code=code, sidecar=sidecar))
    assert found["outcome"][0] == kind, found
    assert ["DELETE", "/api/v1/namespaces/n/pods/p"] in found["asked"]
    if code == 2:
        assert "returned a failure" in found["outcome"][1]

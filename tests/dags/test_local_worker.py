"""The runner `local`, with real processes: how Airflow handles a command's end, and the command's environment."""

import json
import sys

import pytest

pytestmark = pytest.mark.system

RUN = """
import json, logging, os, sys
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from dags.local_worker import LocalWorker
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
task = LocalWorker(task_id="t", python={python!r}, module="command", arguments=["an", "argument"],
                   environment={{"PYTHONPATH": {path!r}, "PEEWEE_STORE": "s", "PEEWEE_EMPTY": ""}}, grace_s=1)
try:
    outcome = ["done", task.execute({{}})]
except AirflowException as error:
    outcome = [type(error).__name__, str(error)]
print(json.dumps(outcome))
"""


@pytest.fixture
def run(in_airflow, tmp_path):
    """`run(code, **environment)`: the result of a task whose command is that code."""

    def run(code, **environment):
        (tmp_path / "command.py").write_text(code)
        return in_airflow(RUN.format(python=sys.executable, path=str(tmp_path)), **environment)

    return run


def test_result_is_the_last_line(run):
    """Other lines, and the output on stderr, are no result."""
    code = "import sys; print('hello'); print('a log line', file=sys.stderr); print('{\"commit\": \"abc\"}')"
    assert run(code) == ["done", {"commit": "abc"}]


def test_command_without_result_is_done_all_the_same(run):
    """A command that is not ours prints what it likes."""
    assert run("print('all is well')") == ["done", None]


@pytest.mark.parametrize(
    ("code", "kind"),
    [*((code, "AirflowFailException") for code in (2, 3, 4)), (75, "AirflowException"), (1, "AirflowException")],
)
def test_only_a_refusal_and_a_verdict_are_final(run, code, kind):
    """They are not tried again; the message is the command's last."""
    outcome = run(f"import sys; print('gate failed: eer', file=sys.stderr); sys.exit({code})")
    assert outcome[0] == kind
    assert "gate failed: eer" in outcome[1]


def test_killed_command_is_tried_again(run):
    """As when memory runs out."""
    assert run("import os; os.kill(os.getpid(), 9)") == [
        "AirflowException",
        "command ended with exit code 137: it said nothing",
    ]


SHOW = (
    "import json, os, sys; print(json.dumps({'argv': sys.argv[1:], 'env': dict(os.environ), 'cwd': os.listdir('.')}))"
)


def test_command_sees_its_settings_and_nothing_of_airflow(run):
    """Airflow's database and its keys are not the pipeline's business."""
    _, seen = run(SHOW, AIRFLOW__CORE__FERNET_KEY="planted", AIRFLOW_CONN_OTHER="generic://u:planted@h", PEEWEE_X="x")
    assert seen["argv"] == ["an", "argument"]
    assert seen["cwd"] == []
    assert (seen["env"]["PEEWEE_STORE"], seen["env"]["PEEWEE_X"]) == ("s", "x")
    assert "PEEWEE_EMPTY" not in seen["env"]
    assert "planted" not in json.dumps(seen["env"])
    assert not [name for name in seen["env"] if name.startswith("AIRFLOW")]


def test_connections_become_the_environment_that_boto3_and_git_know(run):
    """Secrets come from Airflow's connections, not from settings."""
    s3 = {
        "conn_type": "generic",
        "login": "key",
        "password": "secret",
        "extra": {"region_name": "r", "endpoint_url": "http://e"},
    }
    git = {"conn_type": "generic", "host": "https://git.example/a/b.git", "login": "me", "password": "p@ss"}
    _, seen = run(SHOW, AIRFLOW_CONN_PEEWEE_S3=json.dumps(s3), AIRFLOW_CONN_PEEWEE_REPOSITORY=json.dumps(git))
    found = {name: seen["env"].get(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL")}
    assert found == {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": "http://e"}
    assert seen["env"]["PEEWEE_REPOSITORY"] == "https://me:p%40ss@git.example/a/b.git"

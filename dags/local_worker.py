"""The runner `local`: a command of the pipeline's python, beside Airflow on the same machine."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote, urlsplit, urlunsplit

from airflow.sdk import BaseOperator, Connection, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowNotFoundException

from dags.commands import FINAL, plan_arguments

LAUNCHER = Path(__file__).parent / "launcher.py"
S3_CONNECTION = "peewee_s3"
REPOSITORY_CONNECTION = "peewee_repository"
_LAST_LINES = 5
_MARGIN_S = 45.0  # more than the launcher's own time, so that the launcher kills first


class LocalWorker(BaseOperator):  # type: ignore[misc]  # Airflow is not in the checker's environment
    """Runs `python -m MODULE ARGUMENTS`; its last line of output, a JSON object, is the result.

    Exit codes 2 to 4 (`commands.FINAL`) fail the task for good, any other is tried again. When the task is cleared,
    times out or dies, the command is stopped with time to save its state.

    Args:
        python: The pipeline's Python.
        module: The module to run.
        arguments: Arguments of the module; for a plan, the run's identity alone.
        request: The request of a plan (see `commands.plan_arguments`); None for all other commands.
        environment: Added to this process's own, without Airflow's; names with an empty value are left out.
        grace_s: Seconds that a command that must stop has to save its state.
    """

    template_fields: Sequence[str] = ("python", "arguments", "request", "environment")
    ui_color = "#eceaf4"

    def __init__(
        self,
        *,
        python: str,
        module: str,
        arguments: Sequence[str],
        request: Mapping[str, str] | None = None,
        environment: Mapping[str, str],
        grace_s: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.python = python
        self.module = module
        self.arguments = arguments
        self.request = request
        self.environment = environment
        self.grace_s = grace_s
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Run the command and wait for it."""
        arguments = self.arguments if self.request is None else plan_arguments(self.arguments[0], self.request)
        command = [self.python, "-m", self.module, *arguments]
        self.log.info("command=%s", json.dumps(command))
        with tempfile.TemporaryDirectory(prefix="peewee-airflow-") as folder:
            environment = clean(os.environ) | {name: text for name, text in self.environment.items() if text}
            environment["PATH"] = os.pathsep.join([str(Path(self.python).parent), environment.get("PATH", os.defpath)])
            code, output, said = self._run(command, Path(folder), environment | _secrets())
        if code in FINAL:
            raise AirflowFailException(f"{self.module} refused with exit code {code}: {_last(said)}")
        if code:
            raise AirflowException(f"{self.module} ended with exit code {code}: {_last(said)}")
        return _result(output)

    def on_kill(self) -> None:
        """Ask the command to stop; the launcher kills it if it does not."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def _run(self, command: list[str], folder: Path, environment: dict[str, str]) -> tuple[int, str, Sequence[str]]:
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER), str(self.grace_s), *command]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            launcher, cwd=folder, env=environment, start_new_session=True, text=True, errors="replace",
            stdin=pipe, stdout=pipe, stderr=pipe,
        ) as process:  # fmt: skip
            self._process = process
            assert process.stdout is not None
            assert process.stderr is not None
            said: deque[str] = deque(maxlen=_LAST_LINES)
            reader = threading.Thread(target=self._log_lines, args=(process.stderr, said), daemon=True)
            reader.start()
            output = ""
            try:
                for line in process.stdout:
                    output = line.strip() or output
                reader.join()
                code = process.wait()
            finally:  # Airflow raises a time-out as an exception here
                self.on_kill()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(self.grace_s + _MARGIN_S)
                self._process = None
        return code, output, list(said)

    def _log_lines(self, lines: IO[str], last: deque[str]) -> None:
        for line in lines:
            if text := line.rstrip():
                last.append(text)
                self.log.info("%s", text)


def clean(environment: Mapping[str, str]) -> dict[str, str]:
    """Copy an environment without Airflow's own variables, such as its database's password."""
    own = ("AIRFLOW", "_AIRFLOW", "PYTHON", "VIRTUAL_ENV", "SQLALCHEMY")
    return {name: value for name, value in environment.items() if not name.startswith(own)}


def with_login(url: str, login: str | None, password: str | None) -> str:
    """Put user and password into a URL."""
    if not login:
        return url
    parts = urlsplit(url)
    user = quote(login, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def _secrets() -> dict[str, str]:
    """Read the secrets of the connections that are defined. From then on, Airflow hides them in logs."""
    secrets: dict[str, str | None] = {}
    if s3 := _connection(S3_CONNECTION):
        extra = s3.extra_dejson
        secrets |= {
            "AWS_ACCESS_KEY_ID": s3.login,
            "AWS_SECRET_ACCESS_KEY": s3.password,
            "AWS_SESSION_TOKEN": extra.get("aws_session_token"),
            "AWS_DEFAULT_REGION": extra.get("region_name"),
            "AWS_ENDPOINT_URL": extra.get("endpoint_url"),
        }
    if (repository := _connection(REPOSITORY_CONNECTION)) and repository.host:
        secrets["PEEWEE_REPOSITORY"] = with_login(repository.host, repository.login, repository.password)
    return {name: value for name, value in secrets.items() if value}


def _connection(name: str) -> Any:
    try:
        return Connection.get(name)
    except AirflowNotFoundException:
        return None


def _last(lines: Sequence[str]) -> str:
    return lines[-1] if lines else "it said nothing"


def _result(output: str) -> dict[str, Any] | None:
    try:
        found = json.loads(output)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None

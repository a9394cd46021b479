"""Airflow on this machine, with this repository's DAGs and a local S3 server, until Ctrl-C. `make airflow` runs it.

    .venv-airflow/bin/python infra/airflow/start.py [--home FOLDER] [--port PORT] [--json]

It uses LocalExecutor on SQLite, or on PostgreSQL if AIRFLOW__DATABASE__SQL_ALCHEMY_CONN names a database. Variables
that are not set receive defaults: PEEWEE_REMOTE and PEEWEE_STORE point to the local S3 server, PEEWEE_REPOSITORY to
this repository. A component that dies is started again. All processes that this program starts, directly or not, have a
mark in their environment, so that it ends all of them when it ends. (`airflow standalone` leaves its children running.)
"""

import argparse
import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import psutil

ROOT = Path(__file__).resolve().parents[2]
MARK = "PEEWEE_EMBEDDED_AIRFLOW"
USER = "admin"
PARALLELISM = 4  # tasks at a time; the default forks 32 workers, which take 1.2 GB
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
READY_S = 300.0
STOP_S = 15.0
IDLE_TRANSACTION_S = 60  # after which PostgreSQL ends a transaction; see `_connect_args`
_MARGIN_S = 40.0  # beyond what a stage gets to save its state; see dags/launcher.py
_MAX_RESTARTS = 10


class Embedded:
    """The components of one Airflow, and a local S3 server.

    Args:
        home: Folder of everything that is kept between starts: database, passwords, logs, the S3 server's objects.
        port: Port of the page; 0 for a free one.
    """

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.mark = secrets.token_hex(8)
        self.port = port or _free_port()
        self.password = ""
        self.consumer: dict[str, str] = {}
        """The environment variables of a consumer of the local S3 server."""
        self.environment = dict(os.environ)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._s3: subprocess.Popen[bytes] | None = None
        self._sessions: set[int] = set()
        self._restarts = 0

    @property
    def url(self) -> str:
        """URL of the page."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start everything, and wait until Airflow has read the DAGs."""
        self.home.mkdir(parents=True, exist_ok=True)
        self.home.chmod(0o700)
        kept = self._kept()
        self.password = kept["password"]
        passwords = self.home / "passwords.json"
        _write_private(passwords, json.dumps({USER: self.password}))
        s3 = self._start_s3()
        own = {
            MARK: self.mark,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__FERNET_KEY": kept["fernet_key"],
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.port),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__SECRET_KEY": kept["secret_key"],
            "AIRFLOW__API_AUTH__JWT_SECRET": kept["jwt_secret"],
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([_bundle()]),
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.home / "task-logs"),
            "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(_free_port()),
            "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(_free_port()),
            "AIRFLOW_CONN_PEEWEE_AIRFLOW": _connection(host=self.url, login=USER, password=self.password),
        }
        defaults = {
            "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
            "PEEWEE_SCHEDULE": "none",  # otherwise Airflow makes up for the last missed tick at the first start
            "PEEWEE_DAILY": "none",
            "PEEWEE_REPOSITORY": str(ROOT),
            "PEEWEE_PYTHON": str(ROOT / ".venv/bin/python"),
        } | s3
        if os.environ.get("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "").startswith("postgresql"):
            defaults["AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS"] = self._connect_args()
        self.environment = defaults | os.environ | own
        self._airflow("db", "migrate")
        self._airflow("pools", "set", "peewee_gpu", "1", "Stages with a GPU, one at a time")
        end = time.monotonic() + READY_S
        self._run("api-server")  # first, because a task fails if it can't reach it
        self._wait_for(lambda: self.ask("GET", "/api/v2/version"), end)
        for name in COMPONENTS:
            if name not in self._running:
                self._run(name)
        wanted = sum(1 for _ in (ROOT / "dags").glob("peewee_*.py"))
        self._wait_for(lambda: self.ask("GET", "/api/v2/dags")["total_entries"] >= wanted, end)

    def watch(self) -> NoReturn:
        """Restart components that die, until this program is stopped."""
        while True:
            time.sleep(1)
            for name, process in list(self._running.items()):
                if process.poll() is not None:
                    self._restarts += 1
                    if self._restarts > _MAX_RESTARTS:
                        sys.exit(f"{name} ended {self._restarts} times; see {self._log(name)}")
                    print(f"{name} ended with {process.returncode}, started again; see {self._log(name)}", flush=True)
                    self._run(name)

    def stop(self) -> None:
        """End all processes with our mark. A running stage has time to save its state."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        grace = float(self.environment.get("PEEWEE_GRACE_S") or 60) + _MARGIN_S
        self._end(signal.SIGTERM, STOP_S, self._is_airflow)
        self._end(signal.SIGKILL, STOP_S, self._is_airflow)
        self._end(None, grace, self._is_work)  # its launcher has noticed the end of the task, and stops it
        self._end(signal.SIGKILL, STOP_S, self._is_work)
        self._end(signal.SIGTERM, STOP_S, lambda process: True)  # the S3 server, which stages need until their end
        self._end(signal.SIGKILL, STOP_S, lambda process: True)

    def _end(self, number: signal.Signals | None, patience_s: float, chosen: Callable[[psutil.Process], bool]) -> None:
        """Send a signal to the chosen processes with our mark, and wait until they have ended."""
        found = [process for process in processes_of(self.mark, self._sessions) if chosen(process)]
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                if number is not None:
                    process.send_signal(number)
        psutil.wait_procs(found, timeout=patience_s)

    def _is_airflow(self, process: psutil.Process) -> bool:
        """Return whether a process is a component or a task of Airflow."""
        with contextlib.suppress(OSError):
            return os.getsid(process.pid) in self._sessions
        return False

    def _is_work(self, process: psutil.Process) -> bool:
        """Return whether a process is a command of the pipeline, neither Airflow nor the S3 server."""
        return not self._is_airflow(process) and (self._s3 is None or process.pid != self._s3.pid)

    def _kept(self) -> dict[str, str]:
        """Return the passwords and keys; they are made at the first start."""
        path = self.home / "keys.json"
        if not path.exists():
            from cryptography.fernet import Fernet

            made = {name: secrets.token_urlsafe(64) for name in ("secret_key", "jwt_secret")}
            made |= {"password": secrets.token_urlsafe(12), "fernet_key": Fernet.generate_key().decode()}
            _write_private(path, json.dumps(made))
        kept: dict[str, str] = json.loads(path.read_text())
        return kept

    def _connect_args(self) -> str:
        """Write the options of Airflow's connections to PostgreSQL into a file, and return its name in Airflow's form.

        The executor's workers are forks of the scheduler and share its open connection. If the scheduler is killed,
        PostgreSQL does not notice, and keeps its transaction and the lock on a run. The next scheduler then ignores
        that run for as long as the workers live.
        """
        folder = self.home / "config"  # on Airflow's own sys.path
        folder.mkdir(exist_ok=True)
        settings = {"options": f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_S}s"}
        (folder / "peewee_database.py").write_text(f"CONNECT_ARGS = {settings!r}\n")
        return "peewee_database.CONNECT_ARGS"

    def _start_s3(self) -> dict[str, str]:
        """Start the local S3 server, unless the environment names a remote and a store."""
        if os.environ.get("PEEWEE_REMOTE") and os.environ.get("PEEWEE_STORE"):
            return {}
        python = ROOT / ".venv/bin/python"
        command = [str(python), str(ROOT / "infra/s3/server.py"), "--folder", str(self.home / "s3"), "--json"]
        with self._log("s3").open("ab") as log:
            self._s3 = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                env=_without_airflow() | {MARK: self.mark},
            )
        assert self._s3.stdout is not None
        answer = self._s3.stdout.readline()
        if not answer:
            sys.exit(f"the local S3 server did not start; see {self._log('s3')}")
        found = json.loads(answer)
        self.consumer = found
        bucket = found["PEEWEE_STORE"].removeprefix("s3://").partition("/")[0]
        return {
            "AIRFLOW_CONN_PEEWEE_S3": _connection(
                login=found["AWS_ACCESS_KEY_ID"],
                password=found["AWS_SECRET_ACCESS_KEY"],
                extra={"region_name": found["AWS_DEFAULT_REGION"], "endpoint_url": found["AWS_ENDPOINT_URL"]},
            ),
            "PEEWEE_REMOTE": f"s3://{bucket}/dvc",
            "PEEWEE_STORE": found["PEEWEE_STORE"],
            "PEEWEE_SINGLE_PUBLISHER": found["PEEWEE_SINGLE_PUBLISHER"],
        }

    def _airflow(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments], env=self.environment, capture_output=True, text=True
        )
        if done.returncode:
            sys.exit(f"airflow {' '.join(arguments[:2])} failed:\n{done.stderr[-2000:]}")

    def _run(self, name: str) -> None:
        with self._log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", "airflow", name],
                env=self.environment,
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._sessions.add(self._running[name].pid)

    def _log(self, name: str) -> Path:
        folder = self.home / "logs"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"

    def _wait_for(self, ready: Callable[[], Any], end: float) -> None:
        while time.monotonic() < end:
            for name, process in self._running.items():
                if process.poll() is not None:
                    sys.exit(f"{name} ended with {process.returncode}; see {self._log(name)}")
            with contextlib.suppress(OSError, ValueError, KeyError):
                if ready():
                    return
            time.sleep(0.5)
        sys.exit(f"Airflow was not ready in {READY_S:.0f} s; see {self.home / 'logs'}")

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request to Airflow's API, as the page's user."""
        login = _request("POST", f"{self.url}/auth/token", {"username": USER, "password": self.password}, {})
        return _request(method, self.url + path, body, {"Authorization": f"Bearer {login['access_token']}"})


def processes_of(mark: str, sessions: set[int]) -> list[psutil.Process]:
    """Find the processes of our sessions, and those whose environment carries our mark, but for this one.

    Airflow's processes overwrite their environment with their title, so they are recognised by their session. The
    pipeline's commands have sessions of their own.
    """
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and (
                os.getsid(process.pid) in sessions or process.environ().get(MARK) == mark
            ):
                found.append(process)
    return found


def _without_airflow() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}


def _bundle() -> dict[str, Any]:
    return {
        "name": "peewee",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(ROOT)},
    }


def _connection(**fields: Any) -> str:
    return json.dumps({"conn_type": "generic", **fields})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _request(method: str, url: str, body: Any, headers: dict[str, str]) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310, our own http address
        url, data, {"Content-Type": "application/json", **headers}, method=method
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def main() -> None:
    """Start Airflow, print its address, and keep it running."""
    parser = argparse.ArgumentParser(description="Airflow on this machine, until Ctrl-C.")
    parser.add_argument("--home", type=Path, default=ROOT / ".airflow", help="what is kept between starts")
    parser.add_argument("--port", type=int, default=0, help="of the page; a free one by default")
    parser.add_argument("--json", action="store_true", help="say where by one line of JSON")
    options = parser.parse_args()
    embedded = Embedded(options.home.resolve(), options.port)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a process that a script starts with `&` ignores it
    try:
        embedded.start()
        where = {"url": embedded.url, "user": USER, "password": embedded.password, "home": str(embedded.home)}
        if options.json:
            print(json.dumps(where | {"mark": embedded.mark, "consumer": embedded.consumer}), flush=True)
        else:
            print("\n".join(f"{name:9}{value}" for name, value in where.items()), flush=True)
            for name, value in embedded.consumer.items():
                print(f"export {name}={value}", flush=True)
            print("Trigger peewee_retrain on the page. Ctrl-C stops everything.", flush=True)
        embedded.watch()
    except KeyboardInterrupt:
        print("stopping; a stage that runs saves its state first", file=sys.stderr)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        embedded.stop()


if __name__ == "__main__":
    main()

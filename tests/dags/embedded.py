"""A real Airflow as `make airflow` starts it, and a real PostgreSQL, for the tests that need a scheduler."""

import contextlib
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

ROOT = Path(__file__).parents[2]
PASSWORD = f"planted-{secrets.token_hex(8)}"
ENDED = ("success", "failed")
RETRAIN = "peewee_retrain"


@dataclass
class Postgres:
    """A database server of our own, which can be killed and started again."""

    folder: Path
    port: int
    as_user: tuple[str, ...]
    bin: Path
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def connection(self):
        """As Airflow wants it."""
        return f"postgresql+psycopg2://airflow:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def start(self):
        command = [self.bin / "postgres", "-D", self.folder / "data", "-p", str(self.port), "-k", self.folder]
        settings = ["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
        self.process = subprocess.Popen(
            [*self.as_user, *command, *settings],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        wait_until(self._answers, 60)

    def kill(self):
        """SIGKILL to the server and all its backends, as a power cut."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def ask(self, query):
        """The rows of an answer, each as text."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "airflow", "postgres"]
        command = [self.bin / "psql", *where, "--tuples-only", "--no-align", "--command", query]
        done = subprocess.run(
            command, env=os.environ | {"PGPASSWORD": PASSWORD}, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    def _answers(self):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False


@contextlib.contextmanager
def postgres():
    """PostgreSQL, as another user where we are root, since it refuses root."""
    found = shutil.which("postgres") or shutil.which("pg_config")
    if not found:
        pytest.skip("no PostgreSQL here; install its server, and put `postgres` or `pg_config` on PATH")
    places = [Path(found).resolve().parent]
    if shutil.which("pg_config"):
        where = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        places.append(Path(where))
    binaries = next((place for place in places if (place / "initdb").exists()), None)
    if binaries is None:
        pytest.skip("no PostgreSQL server here, only its clients")
    folder = Path(tempfile.mkdtemp(prefix="peewee-postgres-"))
    as_user = ()
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres" if any(item.pw_name == "postgres" for item in pwd.getpwall()) else "nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups")
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    initdb = [binaries / "initdb", "-D", folder / "data", "-U", "airflow", "--auth=scram-sha-256"]
    subprocess.run([*as_user, *initdb, f"--pwfile={folder / 'password'}"], check=True, stdout=subprocess.DEVNULL)
    server = Postgres(folder, free_port(), as_user, binaries)
    try:
        server.start()
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        shutil.rmtree(folder, ignore_errors=True)


class Airflow:
    """A running `infra/airflow/start.py`."""

    def __init__(self, process, where):
        self.process = process
        self.where = where
        self.home = Path(where["home"])
        self.token = ""

    def ask(self, method, path, body=None):
        """Ask the API, as the page's user."""
        if not self.token:
            login = {"username": self.where["user"], "password": self.where["password"]}
            self.token = _request("POST", f"{self.where['url']}/auth/token", login, {})["access_token"]
        return _request(method, f"{self.where['url']}/api/v2{path}", body, {"Authorization": f"Bearer {self.token}"})

    def trigger(self, dag=RETRAIN, **conf):
        """Start a run."""
        found = self.ask("POST", f"/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})["dag_run_id"]
        return found

    def run(self, run, dag=RETRAIN):
        """What the API says of a run."""
        found = self.ask("GET", f"/dags/{dag}/dagRuns/{quote(run, safe='')}")
        return found

    def runs(self, dag):
        """All runs of a DAG."""
        found = self.ask("GET", f"/dags/{dag}/dagRuns?limit=100")["dag_runs"]
        return found

    def tasks(self, run, dag=RETRAIN):
        """The tasks of a run, by name."""
        found = self.ask("GET", f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances?limit=100")
        return {task["task_id"]: task for task in found["task_instances"]}

    def result(self, run, task, dag=RETRAIN):
        """What a task returned."""
        path = f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/xcomEntries/return_value"
        return self.ask("GET", f"{path}?deserialize=true")["value"]

    def wait(self, run, dag=RETRAIN, timeout_s=1500):
        """Wait for a run's end; give its state."""
        state = ""

        def ended():
            nonlocal state
            with contextlib.suppress(OSError):  # while the database is away
                state = self.run(run, dag)["state"]
            return state in ENDED

        wait_until(ended, timeout_s, pause_s=1)
        return state

    def logs(self):
        """All that was logged, by tasks and components."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.home.rglob("*.log")))

    def processes(self, word):
        """Processes of this Airflow whose command line has a word."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                command = " ".join(process.cmdline())
                if word in command and process.environ().get("PEEWEE_EMBEDDED_AIRFLOW") == self.where["mark"]:
                    found.append(process)
        return found

    def left(self):
        """What still runs of it: by its mark, or because it names its folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                marked = process.environ().get("PEEWEE_EMBEDDED_AIRFLOW") == self.where["mark"]
                if process.status() != psutil.STATUS_ZOMBIE and (
                    marked or str(self.home) in " ".join(process.cmdline())
                ):
                    found.append(f"{process.pid} {' '.join(process.cmdline())}")
        return found

    def stop(self, number=signal.SIGINT):
        """As Ctrl-C does."""
        self.process.send_signal(number)
        return self.process.wait(240)


@contextlib.contextmanager
def airflow(python, home, **environment):
    """Airflow in a folder of its own; nothing of it is left afterwards."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PEEWEE", "AWS"))}
    clean["AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL"] = "600"  # no DAG file changes; by default 30 s
    with (home.parent / f"{home.name}.err").open("w") as err:
        process = subprocess.Popen(
            [python, ROOT / "infra/airflow/start.py", "--home", home, "--json"],
            cwd=ROOT, env=clean | environment, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True,
        )  # fmt: skip
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (home.parent / f"{home.name}.err").read_text()
            yield Airflow(process, json.loads(line))
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(240)


def wait_until(condition, timeout_s, pause_s=0.1):
    """Wait until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"it did not happen in {timeout_s:.0f} s"
        time.sleep(pause_s)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        return port


def _request(method, url, body, headers):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json", **headers}, method=method)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.loads(answer.read() or b"null")

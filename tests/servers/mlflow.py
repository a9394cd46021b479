"""MLflow's tracking server, as `make mlflow` starts it, on a free loopback port."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[2]
STARTS_IN_S = 300.0
"""Ten to twenty times of what is usual: only a server that hangs takes longer."""


def free_port():
    """A port of loopback that nobody uses now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def environment(address):
    """What uses the server, and this environment's programs."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {
        **os.environ,
        "PATH": path,
        "MLFLOW_TRACKING_URI": address,
        "MLFLOW_EXPERIMENT_NAME": "peewee-tts",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def answers(address, process):
    """Wait until a server answers."""
    until = time.monotonic() + STARTS_IN_S
    while time.monotonic() < until:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5):
            return
        assert process.poll() is None, "the server has ended"
        time.sleep(0.1)
    raise AssertionError(f"{address} does not answer")


@contextlib.contextmanager
def running(command, folder, ready, variables):
    """A program in a process group of its own, which ends with the block."""
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=variables, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        answers(ready, process)
        yield
    except AssertionError:
        print((folder / "server.log").read_text()[-3000:])
        raise
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def tracking_server(folder, port=None):
    """The server; yields its address. A port that is given makes it the same address again."""
    port = port or free_port()
    address = f"http://127.0.0.1:{port}"
    shutil.copy(ROOT / "Makefile", folder / "Makefile")
    make = ["make", "-o", "setup", "mlflow", f"MLFLOW_PORT={port}"]
    with running(make, folder, f"{address}/health", environment(address)):
        yield address


def client_of(address):
    """A client of a server. MLflow is imported only here: it takes seconds, which other tests would wait for too."""
    import mlflow

    return mlflow.MlflowClient(address)

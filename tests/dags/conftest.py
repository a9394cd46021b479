"""Airflow lives in an environment of its own: what needs it runs there, as another process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def airflow_python():
    """The python of `.venv-airflow`, made from its lock if it is not there."""
    python = ROOT / ".venv-airflow/bin/python"
    subprocess.run(["make", "--quiet", "setup-airflow"], cwd=ROOT, check=True, timeout=1800)
    return python


@pytest.fixture
def in_airflow(airflow_python, tmp_path):
    """`in_airflow(code, **environment)` runs code in Airflow's environment and returns the JSON that it prints last."""

    def run(code, **environment):
        done = subprocess.run(
            [airflow_python, "-c", code],
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PEEWEE"))}
            | {"AIRFLOW_HOME": str(tmp_path / "airflow"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
            | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        print(done.stderr, file=sys.stderr)
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run

"""Fixtures that more than one part of the tree uses."""

import os
import signal
from pathlib import Path

import pytest

from tests.policy import (  # noqa: F401 - hooks of pytest, which finds them here
    mark_whole_systems,
    pytest_make_collect_report,
    pytest_runtest_logreport,
    pytest_runtest_makereport,
    pytest_terminal_summary,
    refuse_unmarked,
)
from tests.servers import mlflow, s3

ROOT = Path(__file__).parent.parent
if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # numba numbers the functions in its cache. Two processes that compile one for different types at the same time give
    # both the same number, and the process that loads the other's crashes.
    os.environ["NUMBA_CACHE_DIR"] = str(ROOT / ".pytest_cache" / f"numba-{worker}")
LONGEST = (
    "tests/dags/test_airflow_faults.py",
    "tests/dags/test_airflow_end_to_end.py",
    "tests/dags/test_kubeflow_local.py",
    "tests/pipeline/commands/test_worker.py",
    "tests/pipeline/stages/test_evaluate.py",
    "tests/test_dvc.py",
    "tests/pipeline/evaluation/judges/test_recognizer.py",
    "tests/pipeline/training/synthesizer/test_learner.py",
)
"""Files that take longest: they begin first, so that at the end no processor waits for one of them."""


def pytest_collection_modifyitems(items):
    """Put the longest files in front; `--no-loadscope-reorder` leaves them there."""
    assert all((ROOT / name).is_file() for name in LONGEST), "a file of LONGEST has another name now"
    places = {str(ROOT / name): place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(str(item.path), len(places)))
    mark_whole_systems(items)
    refuse_unmarked(items)


def pytest_xdist_auto_num_workers(config):
    """One a processor; one more for whole systems, whose tests mostly wait. Each takes 20 s to import all tests."""
    return (os.cpu_count() or 1) + (config.option.markexpr == "system")


@pytest.fixture(autouse=True)
def ctrl_c():
    """Give Ctrl-C back: a program that was run in this process has ended by ignoring it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def repository():
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data():
    """The folder of recorded human speech, which is not part of the project."""
    folder = Path(os.environ.get("PEEWEE_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recorded speech at {folder}; set PEEWEE_SHARED_DATA to a folder that has it")
    return folder


@pytest.fixture(scope="session")
def swift(tmp_path_factory):
    """A real S3 server that pip installs; its put-if-absent is not atomic."""
    with s3.swift(tmp_path_factory.mktemp("swift")) as server:
        yield server


@pytest.fixture(scope="session")
def moto():
    """An S3 server whose put-if-absent is atomic, as that of AWS."""
    with s3.moto() as server:
        yield server


@pytest.fixture
def s3_bucket(swift, monkeypatch, tmp_path):
    """An empty bucket on Swift, with the environment set to use it and an empty cache of releases."""
    return _bucket(swift, monkeypatch, tmp_path)


@pytest.fixture
def moto_bucket(moto, monkeypatch, tmp_path):
    """An empty bucket on moto, with the environment set to use it and an empty cache of releases."""
    return _bucket(moto, monkeypatch, tmp_path)


def _bucket(server, monkeypatch, tmp_path):
    server.export(monkeypatch, tmp_path)
    monkeypatch.setenv("PEEWEE_CACHE", str(tmp_path / "cache"))
    return server.new_bucket()


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory):
    """The address of a real tracking server on SQLite."""
    with mlflow.tracking_server(tmp_path_factory.mktemp("mlflow")) as address:
        yield address

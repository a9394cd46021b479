"""The rules for all tests, in runs of pytest that have them."""

import os
import subprocess
import sys

import pytest

from tests import policy
from tests.closure import ROOT

PARALLEL = ("-p", "xdist", "-n", "1")
SKIPPED = """
import pytest

def test_skipped():
    pytest.skip({reason!r})

def test_runs():
    pass
"""
SLOW = """
import pytest, time
from tests import policy
policy.FILE_TAKES_AT_MOST_S = 0.01

{mark}
def test_slow():
    time.sleep(0.02)
"""
NEEDS = """
import pytest

@pytest.fixture
def airflow_python():
    pass

{mark}
def test_needs(airflow_python):
    pass
"""


@pytest.fixture
def run(tmp_path):
    """`run(code, *arguments, **environment)` runs pytest on a file with that code."""

    def run(code, *arguments, **environment):
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = system: a whole system\n")
        (tmp_path / "test_it.py").write_text(code)
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "tests.policy", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path, capture_output=True, text=True,
            env=os.environ
            | {"CI": "", "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} | environment,
        )  # fmt: skip

    return run


def test_skip_fails_on_ci(run):
    """What the machine lacks is named; a developer's run goes on without it."""
    code = SKIPPED.format(reason="no file system can be mounted here")
    assert run(code).returncode == 0
    on_ci = run(code, CI="true")
    assert on_ci.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in on_ci.stdout
    assert "skipped, which on CI is a failure: no file system can be mounted here" in on_ci.stdout


@pytest.mark.parametrize("reason", policy.MAY_BE_SKIPPED)
def test_skip_that_hides_nothing_is_a_skip_on_ci_too(run, reason):
    """Its reason is on the list."""
    assert run(SKIPPED.format(reason=reason), CI="true").returncode == 0


def test_file_that_is_skipped_fails_on_ci(run):
    """`importorskip` leaves out a whole file, without a word."""
    code = "import pytest\npytest.importorskip('no_such_package')\n\ndef test_it():\n    pass\n"
    assert run(code).returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run(code, CI="true").returncode == pytest.ExitCode.INTERRUPTED


def test_slow_file_is_named_unless_it_is_a_system_test(run):
    """The line says what to do; a slow machine fails nothing."""
    line = "test_it.py took 0 s, more than 0 s: make it faster"
    slow = run(SLOW.format(mark=""), CI="true")
    assert (slow.returncode, line in slow.stdout) == (0, True)
    assert line not in run(SLOW.format(mark="@pytest.mark.system")).stdout
    assert line in run(SLOW.format(mark=""), *PARALLEL, PYTEST_ADDOPTS="-p test_it").stdout


def test_test_that_needs_airflow_is_a_system_test(run):
    """`make test` would install Airflow, or skip it."""
    refused = run(NEEDS.format(mark=""))
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert "test_needs uses airflow_python: mark it with pytest.mark.system" in refused.stderr
    assert run(NEEDS.format(mark="@pytest.mark.system")).returncode == 0


@pytest.mark.parametrize("fixture", policy.WHOLE_SYSTEMS)
def test_test_of_a_whole_system_is_a_system_test(run, fixture):
    """`make test` starts no such system, whether or not the test is marked."""
    code = f"import pytest\n\n@pytest.fixture\ndef {fixture}():\n    pass\n\ndef test_it({fixture}):\n    pass\n"
    assert run(code, "-m", "not system").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert run(code, "-m", "system").returncode == 0


def test_a_run_without_tests_fails(run):
    """A wrong marker or folder would otherwise look like success; so in parallel."""
    assert run("").returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    for arguments in ((), PARALLEL):
        nothing = run("def test_it():\n    pass\n", "-m", "system", *arguments)
        assert nothing.returncode == pytest.ExitCode.NO_TESTS_COLLECTED

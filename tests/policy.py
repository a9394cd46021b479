"""What holds for every test: what `make test` may need and may take, and what may be left out on CI.

`conftest.py` has these hooks. `test_policy.py` lets pytest run with them.
"""

import os
from collections import defaultdict

import pytest

ON_CI = os.environ.get("CI") == "true"
MAY_BE_SKIPPED = {
    "two of the releases begin alike": "versions are hashes: by chance two have the same first characters",
    "moto accepts all credentials": "the same test runs against Swift, which does not",
}
"""Reasons to skip that hide nothing. On CI any other one fails: something is missing there that a test needs."""
FILE_TAKES_AT_MOST_S = 60.0
"""Seconds for all tests of a file that is not marked `system`; more is named at the end: it holds up `make test`.

It fails nothing, since a machine may be slow or busy."""
NEEDS_SYSTEM = ("airflow_python",)
"""Fixtures that only tests marked `system` may use: `make test` does not install Airflow."""
WHOLE_SYSTEMS = {
    "swift": "an S3 server of several processes",
    "mlflow_server": "a tracking server, which takes 15 s to start",
    "adapted": "a whole graph, run by DVC",
}
"""Fixtures whose tests are system tests, marked or not."""
taken_s = defaultdict(float)


def pytest_collection_modifyitems(items):
    """What pytest calls where `conftest.py` has no hook of this name."""
    mark_whole_systems(items)
    refuse_unmarked(items)


def mark_whole_systems(items):
    """Mark each test that uses one of `WHOLE_SYSTEMS`."""
    for item in items:
        if WHOLE_SYSTEMS.keys() & item.fixturenames:
            item.add_marker(pytest.mark.system)


def refuse_unmarked(items):
    """Refuse a test that needs a whole system and does not say so."""
    for item in items:
        if item.get_closest_marker("system") is None:
            for fixture in set(NEEDS_SYSTEM).intersection(item.fixturenames):
                raise pytest.UsageError(f"{item.nodeid} uses {fixture}: mark it with pytest.mark.system")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Let a skipped test fail on CI."""
    report = yield
    return _not_skipped(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Let a skipped file fail on CI."""
    report = yield
    return _not_skipped(report)


def _not_skipped(report):
    if ON_CI and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason not in MAY_BE_SKIPPED:
            report.outcome, report.longrepr = "failed", f"skipped, which on CI is a failure: {reason}"
    return report


def pytest_runtest_logreport(report):
    """Add up what a file takes."""
    if "system" not in report.keywords:
        taken_s[report.location[0]] += report.duration


def _too_slow():
    return {name: seconds for name, seconds in taken_s.items() if seconds > FILE_TAKES_AT_MOST_S}


def pytest_terminal_summary(terminalreporter):
    """Name the files that take too long."""
    for name, seconds in sorted(_too_slow().items()):
        terminalreporter.write_line(
            f"{name} took {seconds:.0f} s, more than {FILE_TAKES_AT_MOST_S:.0f} s: "
            "make it faster, or mark it with pytest.mark.system",
            yellow=True,
        )
